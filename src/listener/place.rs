//! Who has a connection, and how many each address has.

use crate::api::source::{is_within, quota_key};
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections each address has.
#[derive(Debug, Default)]
pub struct Addresses(Mutex<HashMap<IpAddr, usize>>);

impl Addresses {
    fn count(&self, address: IpAddr, most: usize) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        let is_free = *count < most;
        *count += usize::from(is_free);
        is_free
    }

    fn give_back(&self, address: IpAddr) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&address);
            }
        }
    }
}

/// A connection's place among those that are served at once.
#[derive(Debug)]
pub struct Place {
    /// Whether it is one of those that are kept for health checks.
    pub is_reserve: bool,
    address: Option<(IpAddr, Arc<Addresses>)>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Nothing where there is none, not even in the reserve.
    pub fn find(
        places: &Arc<Semaphore>,
        reserve: &Arc<Semaphore>,
        (addresses, most): (&Arc<Addresses>, usize),
        proxies: &[IpNet],
        peer: IpAddr,
    ) -> Option<Self> {
        let peer = peer.to_canonical();
        let is_proxy = is_within(proxies, peer);
        let key = quota_key(peer);
        let has_few = is_proxy || addresses.count(key, most);
        let address = (!is_proxy && has_few).then(|| (key, addresses.clone()));
        if has_few && let Ok(permit) = places.clone().try_acquire_owned() {
            return Some(Self { is_reserve: false, address, _permit: permit });
        }
        let cause = if has_few { "connections" } else { "address" };
        metrics::counter!("bss_connections_refused_total", "cause" => cause).increment(1);
        let permit = reserve.clone().try_acquire_owned().ok()?;
        Some(Self { is_reserve: true, address: None, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((address, addresses)) = self.address.take() {
            addresses.give_back(address);
        }
    }
}
