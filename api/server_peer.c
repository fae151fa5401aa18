/* Who sends a request, by the address that the kernel saw. */
#include <netinet/in.h>

#include "api/server_core.h"

#define LOOPBACK_NET 127

static bool
is_loopback(const struct sockaddr *address)
{
	const struct in6_addr *v6 =
	    &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

	if (address->sa_family == AF_INET)
		return ntohl(
			   ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >>
			   24 ==
		       LOOPBACK_NET;
	if (address->sa_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(v6) ||
	       (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == LOOPBACK_NET);
}

/* A proxy on this host is a loopback peer, too, and asks for somebody else. */
static bool
is_proxied(struct MHD_Connection *mhd)
{
	static const char *const NAMES[] = {
	    "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"};

	for (size_t i = 0; i < COUNT(NAMES); i++)
		if (MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, NAMES[i]) != NULL)
			return true;
	return false;
}

bool
peer_is_local(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info != NULL && is_loopback(info->client_addr) && !is_proxied(mhd);
}
