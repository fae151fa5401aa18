#include "cmd/program_path.h"

#include <libgen.h>
#include <limits.h>
#include <unistd.h>

#include "cmd/settings.h"

char *
program_path(const char *name)
{
	char self[PATH_MAX];
	const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	self[len < 0 ? 0 : len] = '\0';
	return settings_path(dirname(self), name);
}
