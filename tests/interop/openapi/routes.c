/* The table of routes, one a line: METHOD PATTERN CALLERS PORTS BODY_MAX; lists in the order in
 * which the description has them are compared by check.mjs. */
#include <stdio.h>
#include <string.h>

#include "api/routes.h"

struct word {
	unsigned bit;
	const char *name;
};

static const struct word CALLERS[] = {{ROLE_ADMIN, "admin"}, {ROLE_STATION, "station"},
    {ROLE_VERIFIER, "verifier"}, {ROLE_OFFICER, "officer"}, {ROLE_AUDITOR, "auditor"},
    {ROLE_LEGAL, "legal"}, {CALLER_DEVICE, "device"}, {CALLER_TOKEN, "token"},
    {CALLER_LOCAL, "local"}, {CALLER_ANY, "any"}};
static const struct word PORTS[] = {{ROUTE_TLS, "tls"}, {ROUTE_EST, "est"}, {ROUTE_PLAIN, "plain"}};

static void
put_words(const struct word *words, size_t count, unsigned bits)
{
	const char *between = " ";

	for (size_t i = 0; i < count; i++)
		if ((bits & words[i].bit) != 0) {
			printf("%s%s", between, words[i].name);
			between = ",";
		}
}

int
main(void)
{
	static const char *const methods[] = {
	    [HTTP_GET] = "GET", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};
	size_t count;
	const struct route *routes = routes_all(&count);

	for (size_t i = 0; i < count; i++) {
		/* In the description a parameter is but its name. */
		const char *octets = strstr(routes[i].pattern, "{+");
		const char *rest = octets != NULL ? octets : strstr(routes[i].pattern, "{/");
		const int len = rest != NULL ? (int)(rest + 1 - routes[i].pattern) : -1;

		printf("%s %.*s%s", methods[routes[i].method], len, routes[i].pattern,
		    rest != NULL ? rest + 2 : "");
		put_words(CALLERS, COUNT(CALLERS), routes[i].callers);
		put_words(PORTS, COUNT(PORTS), routes[i].ports);
		printf(" %zu\n", routes[i].body_max);
	}
	return 0;
}
