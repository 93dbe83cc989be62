//! Which addresses a URL of a client may lead to (Z3).
//!
//! An allow list: an address is public or it is refused, and what is not known to be public is not.
//! Addresses that carry another one inside (IPv4-mapped, NAT64, 6to4) are judged by that one, since
//! that is where the packets go.
//!
//! The registries behind this: <https://www.iana.org/assignments/iana-ipv4-special-registry> and
//! <https://www.iana.org/assignments/iana-ipv6-special-registry> (2026-11).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is known of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Anybody on the internet can talk to it.
    Public,
    /// This machine or a network around it. Only for hosts that the configuration names.
    Internal,
    /// Never: where clouds keep their credentials, and what is no single machine.
    Never,
}

/// Networks that are not public, with their prefix lengths.
const INTERNAL_V4: [([u8; 4], u32); 11] = [
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
];

/// Networks and machines that no configuration opens: "this network", link-local with the metadata
/// services of most clouds, those of Azure, Alibaba and Oracle, multicast, reserved.
const NEVER_V4: [([u8; 4], u32); 7] = [
    ([0, 0, 0, 0], 8),
    ([100, 100, 100, 200], 32),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([192, 0, 0, 192], 32),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Parts of `2000::/3` that are not public: IETF protocols with Teredo and ORCHID, documentation.
const INTERNAL_V6: [([u16; 2], u32); 3] =
    [([0x2001, 0], 23), ([0x2001, 0x0db8], 32), ([0x3fff, 0], 20)];

/// The metadata services of Amazon and Google.
const NEVER_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Judges an address.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => match carried(address) {
            Some(carried) => reach_v4(carried),
            None => reach_v6(address),
        },
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let bits = address.to_bits();
    let within = |(network, length): &([u8; 4], u32)| {
        (bits ^ u32::from_be_bytes(*network)) >> (32 - length) == 0
    };
    if NEVER_V4.iter().any(within) {
        Reach::Never
    } else if INTERNAL_V4.iter().any(within) {
        Reach::Internal
    } else {
        Reach::Public
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let [first, second, ..] = address.segments();
    let link_local = first & 0xffc0 == 0xfe80;
    let multicast = first & 0xff00 == 0xff00;
    if link_local || multicast || address.is_unspecified() || NEVER_V6.contains(&address) {
        return Reach::Never;
    }
    let begin = u32::from(first) << 16 | u32::from(second);
    let within = |(network, length): &([u16; 2], u32)| {
        let network = u32::from(network[0]) << 16 | u32::from(network[1]);
        (begin ^ network) >> (32 - length) == 0
    };
    let global = first & 0xe000 == 0x2000;
    if global && !INTERNAL_V6.iter().any(within) {
        Reach::Public
    } else {
        Reach::Internal
    }
}

/// The IPv4 address that an IPv6 address stands for.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // Mapped; the older "translated" form; NAT64, by which networks without IPv4 reach all of
        // it; 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(join(high, low)),
        // "Compatible", as far as it is not `::` or `::1`.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_be_public_is_public() {
        for (text, expected) in [
            ("1.1.1.1", Reach::Public),
            ("8.8.8.8", Reach::Public),
            ("93.184.216.34", Reach::Public),
            ("9.255.255.255", Reach::Public),
            ("11.0.0.0", Reach::Public),
            ("100.63.255.255", Reach::Public),
            ("100.128.0.0", Reach::Public),
            ("172.15.255.255", Reach::Public),
            ("172.32.0.0", Reach::Public),
            ("192.167.255.255", Reach::Public),
            ("198.17.255.255", Reach::Public),
            ("198.20.0.0", Reach::Public),
            ("223.255.255.255", Reach::Public),
            ("10.0.0.1", Reach::Internal),
            ("10.255.255.255", Reach::Internal),
            ("100.64.0.1", Reach::Internal),
            ("127.0.0.1", Reach::Internal),
            ("127.255.0.1", Reach::Internal),
            ("172.16.0.1", Reach::Internal),
            ("172.31.255.255", Reach::Internal),
            ("192.0.0.8", Reach::Internal),
            ("192.0.2.5", Reach::Internal),
            ("192.88.99.1", Reach::Internal),
            ("192.168.255.255", Reach::Internal),
            ("198.19.0.1", Reach::Internal),
            ("198.51.100.1", Reach::Internal),
            ("203.0.113.9", Reach::Internal),
            ("0.0.0.0", Reach::Never),
            ("0.1.2.3", Reach::Never),
            ("169.254.169.254", Reach::Never),
            ("169.254.170.2", Reach::Never),
            ("100.100.100.200", Reach::Never),
            ("168.63.129.16", Reach::Never),
            ("192.0.0.192", Reach::Never),
            ("224.0.0.1", Reach::Never),
            ("239.255.255.250", Reach::Never),
            ("240.0.0.1", Reach::Never),
            ("255.255.255.255", Reach::Never),
            ("2606:4700:4700::1111", Reach::Public),
            ("2a00:1450:4001:80b::200e", Reach::Public),
            ("2001:200::1", Reach::Public),
            ("::1", Reach::Internal),
            ("fc00::1", Reach::Internal),
            ("fd12:3456::1", Reach::Internal),
            ("fec0::1", Reach::Internal),
            ("100::1", Reach::Internal),
            ("64:ff9b:1::a00:1", Reach::Internal),
            ("2001::1", Reach::Internal),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Reach::Internal),
            ("2001:2::1", Reach::Internal),
            ("2001:20::1", Reach::Internal),
            ("2001:db8::1", Reach::Internal),
            ("3fff::1", Reach::Internal),
            ("5f00::1", Reach::Internal),
            ("::", Reach::Never),
            ("fe80::1", Reach::Never),
            ("febf::1", Reach::Never),
            ("ff02::1", Reach::Never),
            ("fd00:ec2::254", Reach::Never),
            ("fd20:ce::254", Reach::Never),
        ] {
            assert_eq!(reach(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn an_address_inside_another_decides() {
        for (text, expected) in [
            ("::ffff:8.8.8.8", Reach::Public),
            ("::ffff:127.0.0.1", Reach::Internal),
            ("::ffff:7f00:1", Reach::Internal),
            ("::ffff:169.254.169.254", Reach::Never),
            ("::ffff:0:10.0.0.1", Reach::Internal),
            ("::127.0.0.1", Reach::Internal),
            ("::169.254.169.254", Reach::Never),
            ("64:ff9b::8.8.8.8", Reach::Public),
            ("64:ff9b::a9fe:a9fe", Reach::Never),
            ("64:ff9b::192.168.0.1", Reach::Internal),
            ("2002:808:808::1", Reach::Public),
            ("2002:7f00:1::", Reach::Internal),
            ("2002:a9fe:a9fe::1", Reach::Never),
        ] {
            assert_eq!(reach(text.parse().unwrap()), expected, "{text}");
        }
    }
}
