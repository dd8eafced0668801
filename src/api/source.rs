//! From which address a request comes.

use axum::http::{HeaderMap, HeaderValue, header};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The address a request is counted for: the peer's, or, when the peer is a trusted proxy, the right-most entry of
/// `X-Forwarded-For` that is not a trusted proxy itself. What stands left of it was written by a stranger.
pub fn source_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_within(trusted, peer) {
        return peer;
    }
    let mut source = peer;
    let values = headers.get_all("x-forwarded-for").iter().rev();
    for entry in values.flat_map(|value| value.to_str().unwrap_or_default().rsplit(',')) {
        // An entry that is no address ends the chain of hops we can vouch for.
        let Some(address) = address_of(entry.trim()) else { break };
        source = address.to_canonical();
        if !is_within(trusted, source) {
            break;
        }
    }
    source
}

/// Puts back the host that the client asked, and signed, where a trusted proxy has put another in its place and names the
/// first one in `X-Forwarded-Host`.
pub fn restore_host(peer: IpAddr, headers: &mut HeaderMap, trusted: &[IpNet]) {
    if !is_within(trusted, peer.to_canonical()) {
        return;
    }
    let forwarded = headers.get("x-forwarded-host").and_then(|hosts| hosts.to_str().ok()?.split(',').next());
    let asked = forwarded.and_then(|host| HeaderValue::from_str(host.trim()).ok()).filter(|host| !host.is_empty());
    if let Some(asked) = asked {
        headers.insert(header::HOST, asked);
    }
}

/// Whether an address is of one of these networks: of a proxy that is believed, for instance.
pub fn is_within(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// An entry's address: proxies write ports behind it, and brackets around one of IPv6.
fn address_of(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim_matches('"');
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// The key of an address's quota: of an IPv6 address the network part, since one host owns all of a /64.
pub fn quota_key(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("a header value"));
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().expect("a network")).collect();
        source_address(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn a_strangers_header_is_not_believed() {
        assert_eq!(source("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(source("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn the_right_most_untrusted_entry_counts() {
        assert_eq!(source("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(source("10.0.0.1", &["1.1.1.1", "198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
    }

    #[test]
    fn a_broken_entry_ends_the_chain() {
        assert_eq!(source("10.0.0.1", &["1.1.1.1, unknown, 10.0.0.2"], &["10.0.0.0/8"]), "10.0.0.2");
        assert_eq!(source("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn ports_and_brackets_say_nothing() {
        for entry in ["198.51.100.1:4711", "\"198.51.100.1:4711\""] {
            assert_eq!(source("10.0.0.1", &[entry], &["10.0.0.0/8"]), "198.51.100.1", "{entry}");
        }
        for entry in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711", "\"[2001:db8::1]:4711\""] {
            assert_eq!(source("10.0.0.1", &[entry], &["10.0.0.0/8"]), "2001:db8::1", "{entry}");
        }
    }

    #[test]
    fn mapped_addresses_are_the_same_as_plain_ones() {
        assert_eq!(source("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
    }

    #[test]
    fn one_ipv6_network_shares_a_key() {
        let key = |address: &str| quota_key(address.parse().expect("an address"));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }

    #[test]
    fn only_a_trusted_proxy_says_which_host_was_asked() {
        let host = |peer: &str, forwarded: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("host", HeaderValue::from_static("10.0.0.9:8080"));
            headers.insert("x-forwarded-host", forwarded.parse().expect("a header value"));
            restore_host(peer.parse().expect("an address"), &mut headers, &["10.0.0.0/8".parse().expect("a network")]);
            headers["host"].to_str().expect("ASCII").to_owned()
        };
        assert_eq!(host("10.0.0.1", "bss.example.com"), "bss.example.com");
        assert_eq!(host("::ffff:10.0.0.1", "bss.example.com:8443, inner"), "bss.example.com:8443");
        for (peer, forwarded) in [("192.0.2.1", "bss.example.com"), ("10.0.0.1", ""), ("10.0.0.1", " , inner")] {
            assert_eq!(host(peer, forwarded), "10.0.0.9:8080", "{peer} {forwarded}");
        }
    }
}
