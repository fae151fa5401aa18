#include "cmd/host_files.h"

#include <pwd.h>
#include <unistd.h>

#include "audit/logs.h"
#include "base/file.h"
#include "base/mem.h"
#include "keeper/journal.h"

bool
host_give(const char *path, const char *user, struct error *err)
{
	const struct passwd *entry;

	if (geteuid() != 0)
		return true;
	entry = getpwnam(user);
	if (entry == NULL)
		return error_set(err, E_CONFIG_INVALID, "there is no user %s", user);
	return chown(path, entry->pw_uid, entry->pw_gid) == 0 ||
	       error_set(err, E_FILE_FAILED, "cannot give %s to %s", path, user);
}

bool
host_make_dir(const char *path, mode_t mode, const char *user, struct error *err)
{
	return file_make_dir(path, mode, err) && host_give(path, user, err);
}

void
host_log_name(const struct settings *settings, int64_t now_s, char out[static LOG_NAME_MAX + 1])
{
	logs_name(settings->node, now_s, 1, out);
}

char *
host_journal_path(const struct settings *settings, const char *name)
{
	DEFER(buf_clear_public) struct buf path = {0};

	buf_append_format(&path, "%s/journal/%s.journal", settings->keeper_dir, name);
	return xstrdup(buf_text(&path));
}

bool
host_has_journal(const struct settings *settings, const char *name)
{
	DEFER(mem_free) char *path = host_journal_path(settings, name);

	return access(path, F_OK) == 0;
}

bool
host_use_log(const struct settings *settings, const char *name, struct error *err)
{
	DEFER(mem_free) char *path = settings_path(settings->keeper_dir, "log");
	DEFER(buf_clear_public) struct buf line = {0};

	buf_append_format(&line, "%s\n", name);
	return file_write(path, buf_bytes(&line), 0644, err) &&
	       host_give(path, settings->keeper_user, err);
}

bool
host_open_journal(const struct settings *settings, const char *name, const char *origin,
    const struct secret *mac_key, struct error *err)
{
	DEFER(mem_free) char *dir = settings_path(settings->keeper_dir, "journal");
	DEFER(mem_free) char *path = host_journal_path(settings, name);

	return host_make_dir(dir, 0700, settings->keeper_user, err) &&
	       journal_create(path, origin, mac_key, err) &&
	       host_give(path, settings->keeper_user, err) && host_use_log(settings, name, err);
}
