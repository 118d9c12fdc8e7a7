"""Sysctls of an interface: those a claim may set, and those the host gets back.

Both are names under /proc/sys/net/{ipv4,ipv6}/conf/<interface>/ and nothing else, so that no name ever leaves the
interface it is meant for. A move between namespaces gives the interface the defaults of the one it comes to
(inetdev_init, ipv6_add_dev), so whatever a person set on the host must be put back afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ports.devices import Sysctl

_IPV4 = (
    "accept_local accept_redirects accept_source_route arp_accept arp_announce arp_evict_nocarrier arp_filter arp_ignore "
    "arp_notify bc_forwarding disable_policy disable_xfrm drop_gratuitous_arp drop_unicast_in_l2_multicast "
    "force_igmp_version forwarding igmpv2_unsolicited_report_interval igmpv3_unsolicited_report_interval "
    "ignore_routes_with_linkdown log_martians medium_id promote_secondaries proxy_arp proxy_arp_pvlan route_localnet "
    "rp_filter secure_redirects send_redirects shared_media src_valid_mark tag"
)
_IPV6 = (
    "accept_dad accept_ra accept_ra_defrtr accept_ra_from_local accept_ra_min_hop_limit accept_ra_min_lft accept_ra_mtu "
    "accept_ra_pinfo accept_ra_rt_info_max_plen accept_ra_rt_info_min_plen accept_ra_rtr_pref accept_redirects "
    "accept_source_route accept_untracked_na addr_gen_mode autoconf dad_transmits disable_ipv6 disable_policy "
    "drop_unicast_in_l2_multicast drop_unsolicited_na enhanced_dad force_forwarding force_mld_version force_tllao "
    "forwarding ignore_routes_with_linkdown keep_addr_on_down max_addresses max_desync_factor "
    "mldv1_unsolicited_report_interval mldv2_unsolicited_report_interval ndisc_evict_nocarrier ndisc_notify "
    "ndisc_tclass optimistic_dad proxy_ndp ra_defrtr_metric ra_honor_pio_life ra_honor_pio_pflag regen_max_retry "
    "regen_min_advance router_probe_interval router_solicitation_delay router_solicitation_interval "
    "router_solicitation_max_interval router_solicitations rpl_seg_enabled seg6_enabled seg6_require_hmac "
    "suppress_frag_ndisc temp_prefered_lft temp_valid_lft use_oif_addrs_only use_optimistic use_tempaddr"
)
_POD_IPV4 = (
    "accept_local accept_redirects arp_accept arp_announce arp_filter arp_ignore arp_notify disable_policy disable_xfrm "
    "drop_gratuitous_arp drop_unicast_in_l2_multicast forwarding ignore_routes_with_linkdown log_martians "
    "promote_secondaries proxy_arp proxy_arp_pvlan route_localnet rp_filter secure_redirects send_redirects "
    "shared_media src_valid_mark"
)
_POD_IPV6 = (
    "accept_dad accept_ra accept_ra_defrtr accept_ra_min_hop_limit accept_ra_mtu accept_ra_pinfo accept_ra_rtr_pref "
    "accept_redirects addr_gen_mode autoconf dad_transmits disable_ipv6 drop_unicast_in_l2_multicast "
    "drop_unsolicited_na enhanced_dad forwarding ignore_routes_with_linkdown keep_addr_on_down max_addresses "
    "ndisc_notify optimistic_dad proxy_ndp router_solicitations use_oif_addrs_only use_optimistic use_tempaddr"
)
_VALUE = re.compile(r"-?(0|[1-9][0-9]{0,9})")  # all of these take one number


def _names(family: str, keys: str) -> Iterator[str]:
    return (f"{family}/{key}" for key in keys.split())


KEPT: tuple[str, ...] = (*_names("ipv4", _IPV4), *_names("ipv6", _IPV6))
SETTABLE: frozenset[str] = frozenset((*_names("ipv4", _POD_IPV4), *_names("ipv6", _POD_IPV6)))


def sysctl_mistakes(sysctl: Sysctl) -> Iterator[str]:
    """What keeps this sysctl from being set in a pod, if anything."""
    if sysctl.name not in SETTABLE:
        yield f"{sysctl.name!r} is no sysctl that can be set on an interface, such as ipv4/arp_ignore"
    if not _VALUE.fullmatch(sysctl.value) or not -(1 << 31) <= int(sysctl.value) < 1 << 31:
        yield f"{sysctl.value!r} is no value of sysctl {sysctl.name!r}: a whole number of 32 bits"
