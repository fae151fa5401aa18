/* What is on this host: files and who may touch them, processes, disks, the clock. */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "cmd/doctor.h"

#define DISK_WARN_FACTOR 8 /* of what must be free */

/* ---- files ---- */

struct file_rule {
	const char *check;
	mode_t forbidden; /* bits that nobody but the owner may have */
	bool of_keeper;   /* belongs to keeper_user, or root */
};

static bool
is_owned(const struct stat *found, const char *user)
{
	const struct passwd *entry;

	if (found->st_uid == 0 || found->st_uid == geteuid())
		return true;
	entry = getpwnam(user); /* one thread */
	return entry != NULL && found->st_uid == entry->pw_uid;
}

static void
look_at_file(struct doctor *doctor, const struct file_rule *rule, const char *path)
{
	const char *user = rule->of_keeper ? doctor->settings->keeper_user : doctor->settings->user;
	struct stat found;

	if (stat(path, &found) != 0)
		doctor_find(doctor, rule->check, VERDICT_FAULT, "%s: %s", path, strerror(errno));
	else if ((found.st_mode & rule->forbidden) != 0)
		doctor_find(doctor, rule->check, VERDICT_FAULT,
		    "%s has mode %04o: others than its owner may %s it", path,
		    (unsigned)(found.st_mode & 07777),
		    (found.st_mode & rule->forbidden & 0044) != 0 ? "read" : "change");
	else if (!is_owned(&found, user))
		doctor_find(doctor, rule->check, VERDICT_FAULT,
		    "%s belongs to user %u, neither root nor %s", path, (unsigned)found.st_uid,
		    user);
	else
		doctor_find(doctor, rule->check, VERDICT_OK, "%s, mode %04o", path,
		    (unsigned)(found.st_mode & 07777));
}

static void
look_at_keeper_file(struct doctor *doctor, const char *check, const char *name, mode_t forbidden)
{
	DEFER(mem_free) char *path = settings_path(doctor->settings->keeper_dir, name);

	look_at_file(doctor, &(struct file_rule){check, forbidden, true}, path);
}

static void
look_at_files(struct doctor *doctor)
{
	const struct settings *settings = doctor->settings;

	look_at_file(doctor, &(struct file_rule){"config", 0022, false}, doctor->config_path);
	look_at_file(doctor, &(struct file_rule){"keeper-dir", 0077, true}, settings->keeper_dir);
	look_at_keeper_file(doctor, "keeper-ring", "keeper.ring", 0077);
	look_at_keeper_file(doctor, "keeper-policy", "policy.json", 0022);
	look_at_file(doctor, &(struct file_rule){"state-dir", 0022, false}, settings->state_dir);
	look_at_file(doctor, &(struct file_rule){"audit-dir", 0022, false}, settings->audit_dir);
	if (settings->passphrase_file[0] != '\0')
		look_at_file(doctor, &(struct file_rule){"passphrase", 0077, true},
		    settings->passphrase_file);
	else
		doctor_find(doctor, "passphrase", VERDICT_OK, "a credential, or the terminal");
}

/* ---- processes: a core dump would have keys and hardware ids ---- */

static bool
is_program(const char *path)
{
	static const char *const programs[] = {"monikerd", "moniker-service", "moniker-keeper"};
	const char *slash = strrchr(path, '/');

	for (size_t i = 0; i < COUNT(programs); i++)
		if (strcmp(slash != NULL ? slash + 1 : path, programs[i]) == 0)
			return true;
	return false;
}

/* Of this installation: its words name the configuration, or the keeper's folder. */
static bool
is_ours(const struct doctor *doctor, const char *words, size_t len)
{
	for (const char *word = words; is_program(words) && word < words + len;
	     word += strlen(word) + 1)
		if (strcmp(word, doctor->config_path) == 0 ||
		    strcmp(word, doctor->settings->keeper_dir) == 0)
			return true;
	return false;
}

static bool
read_proc(const char *pid, const char *name, struct buf *out)
{
	char path[64], chunk[4096];
	FILE *file;
	size_t got;

	(void)snprintf(path, sizeof path, "/proc/%.20s/%s", pid, name);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (out->len < 65536 && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
		buf_append(out, bytes_of((const uint8_t *)chunk, got));
	(void)fclose(file);
	return out->len > 0;
}

#define CORE_LIMIT "Max core file size"

/* True: it is one of ours. */
static bool
look_at_process(struct doctor *doctor, const char *pid)
{
	DEFER(buf_clear_public) struct buf words = {0};
	DEFER(buf_clear_public) struct buf limits = {0};
	const char *value;

	if (!read_proc(pid, "cmdline", &words) || !is_ours(doctor, buf_text(&words), words.len))
		return false;
	if (!read_proc(pid, "limits", &limits)) {
		doctor_find(doctor, "core-dumps", VERDICT_WARNING,
		    "the limits of process %s cannot be read", pid);
		return true;
	}
	value = strstr(buf_text(&limits), CORE_LIMIT);
	value = value != NULL ? value + strlen(CORE_LIMIT) : "";
	value += strspn(value, " ");
	if (strncmp(value, "0 ", 2) != 0) /* the soft limit; "unlimited" is a word */
		doctor_find(doctor, "core-dumps", VERDICT_FAULT,
		    "process %s may dump core: it would have keys in it", pid);
	return true;
}

static void
look_at_processes(struct doctor *doctor)
{
	const size_t before = doctor->count;
	DIR *proc = opendir("/proc");
	size_t found = 0;

	for (const struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    look_at_process(doctor, entry->d_name))
			found++;
	if (proc != NULL)
		(void)closedir(proc);
	if (found == 0)
		doctor_find(doctor, "core-dumps", VERDICT_WARNING, "the service does not run");
	else if (doctor->count == before)
		doctor_find(
		    doctor, "core-dumps", VERDICT_OK, "%zu processes, none dumps core", found);
}

/* ---- disks and the clock ---- */

static void
look_at_disk(struct doctor *doctor, const char *path)
{
	const int64_t min_mib = doctor->settings->disk_min_mib;
	int64_t room;

	if (!file_room(path, &room)) {
		doctor_find(doctor, "disk", VERDICT_WARNING, "%s: cannot be told", path);
		return;
	}
	room >>= 20;
	doctor_find(doctor, "disk",
	    room < min_mib                      ? VERDICT_FAULT
	    : room / DISK_WARN_FACTOR < min_mib ? VERDICT_WARNING
						: VERDICT_OK,
	    "%s: %lld MiB free", path, (long long)room);
}

static void
look_at_clock(struct doctor *doctor)
{
	struct timex state = {0};
	const int kept = adjtimex(&state);

	if (kept < 0 || kept == TIME_ERROR)
		doctor_find(doctor, "clock-source", VERDICT_WARNING,
		    "the kernel does not say that the clock is synchronized");
	else
		doctor_find(doctor, "clock-source", VERDICT_OK, "synchronized");
}

void
doctor_host(struct doctor *doctor)
{
	look_at_files(doctor);
	look_at_processes(doctor);
	look_at_disk(doctor, doctor->settings->state_dir);
	look_at_disk(doctor, doctor->settings->audit_dir);
	look_at_disk(doctor, doctor->settings->keeper_dir);
	look_at_clock(doctor);
}
