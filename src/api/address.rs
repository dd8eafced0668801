//! Which addresses that accounts name may be called: those of webhooks and of buckets. They name them, and the server stands in a
//! network of its own: nothing there may be reached through it.
//!
//! A literal address is judged when it is registered and again at each delivery. A name is judged by what it resolves to at
//! the moment of the connection, so that one which changes its address in between gains nothing. Redirects are not followed.

use super::source::is_within;
use crate::config::WebhookSettings;
use anyhow::{Context, ensure};
use ipnet::IpNet;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// What a refused address is told, without saying which network it is in.
const NOT_CALLED: &str = "its address is in a network that is not called";

/// What is no address of a host on the public Internet: this host, private and shared networks, link-local ones with the
/// clouds' metadata among them, multicast, documentation, and IPv6 ranges that hold IPv4 addresses.
static CLOSED: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let networks = "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 \
                    192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 \
                    224.0.0.0/4 240.0.0.0/4 \
                    ::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 \
                    2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8";
    networks.split_whitespace().map(|network| network.parse().expect("it is a network")).collect()
});

/// Judges addresses, by the settings.
#[derive(Clone, Debug)]
pub struct Guard {
    schemes: Arc<[String]>,
    allowed: Arc<[IpNet]>,
}

impl Guard {
    /// By the settings.
    pub fn new(settings: &WebhookSettings) -> Self {
        Self { schemes: settings.schemes.clone().into(), allowed: settings.allowed_networks.clone().into() }
    }

    /// Reads an endpoint's address, or says what is wrong with it.
    pub fn endpoint(&self, url: &str) -> anyhow::Result<Url> {
        let url = self.literal(url)?;
        ensure!(self.schemes.iter().any(|scheme| scheme == url.scheme()), "must begin with {}", self.schemes());
        Ok(url)
    }

    /// Reads any address that is called, of whatever scheme.
    pub fn literal(&self, url: &str) -> anyhow::Result<Url> {
        let url = Url::parse(url).ok().context("must be an address with scheme and host")?;
        ensure!(["http", "https"].contains(&url.scheme()), "must begin with {}", self.schemes());
        ensure!(url.username().is_empty() && url.password().is_none(), "must name no user");
        let host = url.host_str().context("must be an address with scheme and host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        ensure!(host.parse().map_or(true, |ip: IpAddr| self.lets(ip)), NOT_CALLED);
        Ok(url)
    }

    /// A client that reaches nothing else, and waits so long for an answer.
    pub fn client(&self, patience: Duration) -> anyhow::Result<reqwest::Client> {
        let client = reqwest::Client::builder()
            .timeout(patience)
            .redirect(reqwest::redirect::Policy::none())
            // A proxy would resolve names by itself, so that nobody judged their addresses.
            .no_proxy()
            .dns_resolver(Arc::new(self.clone()));
        Ok(client.build()?)
    }

    fn schemes(&self) -> String {
        self.schemes.iter().map(|scheme| format!("{scheme}://")).collect::<Vec<_>>().join(" or ")
    }

    fn lets(&self, ip: IpAddr) -> bool {
        is_within(&self.allowed, ip) || !is_within(&CLOSED, ip)
    }
}

/// The client's resolver: of a name's addresses only those that may be called.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let resolved = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let open: Vec<SocketAddr> = resolved.filter(|address| guard.lets(address.ip())).collect();
            if open.is_empty() {
                return Err(NOT_CALLED.into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    fn guard(allowed: &[&str]) -> Guard {
        let allowed_networks = allowed.iter().map(|network| network.parse().expect("a network")).collect();
        Guard::new(&WebhookSettings { schemes: vec!["https".to_owned()], allowed_networks, endpoints_per_account: 1 })
    }

    #[test]
    fn only_addresses_on_the_open_internet_are_called() {
        let guard = guard(&[]);
        for closed in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.0.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::a00:1]",
            "[2002:a00:1::]",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "１２７.0.0.1",
        ] {
            let refused = guard.endpoint(&format!("https://{closed}/events")).expect_err(closed);
            assert_eq!(refused.to_string(), NOT_CALLED, "{closed}");
        }
        for open in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "[2606:4700::1]", "partner.example.com"] {
            guard.endpoint(&format!("https://{open}:8443/events")).expect(open);
        }
    }

    #[test]
    fn a_network_that_the_settings_name_is_called_and_no_other() {
        let guard = guard(&["10.1.0.0/16"]);
        assert!(guard.endpoint("https://10.1.2.3").is_ok());
        assert!(guard.endpoint("https://10.2.2.3").is_err());
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused_with_the_rule() {
        for (url, rule) in [
            ("http://partner.example.com", "must begin with https://"),
            ("ftp://partner.example.com", "must begin with https://"),
            ("file:///etc/passwd", "must begin with https://"),
            ("partner.example.com/x", "must be an address with scheme and host"),
            ("https://user@partner.example.com", "must name no user"),
        ] {
            assert_eq!(guard(&[]).endpoint(url).expect_err(url).to_string(), rule, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let name = || Name::from_str("localhost").expect("a name");
        assert!(guard(&[]).resolve(name()).await.is_err());
        assert!(guard(&["127.0.0.0/8", "::1/128"]).resolve(name()).await.is_ok_and(|mut found| found.next().is_some()));
    }
}
