/* Who sends a request, by the address that the kernel saw. */
#include <netinet/in.h>
#include <string.h>

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

/* IPv4 or an IPv4-mapped address whole; of others the /64, which one subscriber has whole. */
static void
network_of(const struct sockaddr *address, uint8_t out[static LIMITER_NETWORK_BYTES])
{
	const struct in6_addr *v6 =
	    &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;

	out[0] = 4;
	if (address->sa_family == AF_INET)
		memcpy(&out[1], &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6))
		memcpy(&out[1], &v6->s6_addr[12], 4);
	else if (address->sa_family == AF_INET6) {
		out[0] = 6;
		memcpy(&out[1], v6->s6_addr, 8);
	}
}

void
peer_network(struct MHD_Connection *mhd, uint8_t out[static LIMITER_NETWORK_BYTES])
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	memset(out, 0, LIMITER_NETWORK_BYTES);
	if (info != NULL)
		network_of(info->client_addr, out);
}

bool
peer_is_local(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info != NULL && is_loopback(info->client_addr) && !is_proxied(mhd);
}
