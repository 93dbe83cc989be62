//! Carries what only its issuer can read through clients of another protocol (T6).
//!
//! Shape: `proxai1.<protocol>.<issuer>.<checksum>.<base64url(id NUL data)>`. It stands in the
//! client protocol's own opaque field (a signature, `encrypted_content`, `reasoning_details`) and
//! comes back with the history. The checksum finds changed and cut seals; it is no secret, since a
//! forged seal gains nothing that sending the value itself would not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proxai_ir::Sealed;
use proxai_json::Str;
use proxai_types::Protocol;

const MARK: &str = "proxai1.";

/// What the data of a sealed item begin with. No vendor's seal is a control character.
const ITEM_MARK: char = '\0';

/// Most bytes of an item that is sealed; a larger one would burden every request that follows.
const MAX_ITEM: usize = 512 << 10;

/// What the data of an echo begin with. No vendor's seal is a control character.
const ECHO_MARK: char = '\u{1}';

/// Most bytes of text in an echo; a longer text comes back only from clients that keep it.
const MAX_ECHO: usize = 512 << 10;

/// A seal for a thought that its upstream did not seal and yet wants back, as some demand of Chat:
/// clients give back only what is sealed (AI SDK 6, 2026-11-21). `text` is the thought where the
/// client may keep nothing but the seal, else empty.
pub fn echo(text: &str) -> Sealed<'static> {
    let text = if text.len() <= MAX_ECHO { text } else { "" };
    Sealed {
        origin: Protocol::Chat,
        issuer: None,
        data: Str::from(format!("{ECHO_MARK}{text}")),
    }
}

/// The text in an echo, empty where there is none; `None` for what an upstream sealed itself.
pub fn echo_of<'s>(sealed: &'s Sealed<'_>) -> Option<&'s str> {
    sealed.data.strip_prefix(ECHO_MARK)
}

/// Seals a whole item of `origin`, such as a search that its provider ran: JSON that means nothing
/// to anybody else. `None` if it is too large to travel. Line ends between values, which would end
/// a frame of a stream, are left out.
pub fn item(origin: Protocol, json: &str) -> Option<Sealed<'static>> {
    (json.len() <= MAX_ITEM).then(|| Sealed {
        origin,
        issuer: None,
        data: Str::from(format!("{ITEM_MARK}{}", json.replace(['\n', '\r'], ""))),
    })
}

/// The JSON of a sealed item; `None` for seals of reasoning and calls.
pub fn item_of<'s>(sealed: &'s Sealed<'_>) -> Option<&'s str> {
    sealed.data.strip_prefix(ITEM_MARK)
}

/// What the data of a thought that Messages does not show at all begin with. A thought of which only
/// the text is withheld has a seal too, and clients give back neither more nor less of the two.
const WITHHELD_MARK: char = '\u{2}';

/// The data of a thought that is not shown at all.
pub fn withheld(data: &str) -> Str<'static> {
    Str::from(format!("{WITHHELD_MARK}{data}"))
}

/// The data of such a thought as its issuer gave them; `None` for a thought with words.
pub fn withheld_of(data: &str) -> Option<&str> {
    data.strip_prefix(WITHHELD_MARK)
}

/// Wraps a sealed value for a client of another protocol. `id` is the upstream's id of the item,
/// which some upstreams check the value against.
pub fn wrap(sealed: &Sealed<'_>, issuer: &str, id: Option<&str>) -> String {
    let issuer = sealed.issuer.as_deref().unwrap_or(issuer);
    let mut inner = Vec::with_capacity(sealed.data.len() + 40);
    inner.extend_from_slice(id.unwrap_or_default().as_bytes());
    inner.push(0);
    inner.extend_from_slice(sealed.data.as_bytes());
    let payload = URL_SAFE_NO_PAD.encode(&inner);
    let issuer = URL_SAFE_NO_PAD.encode(issuer);
    let head = format!("{}.{issuer}", sealed.origin.name());
    let sum = checksum_of(&head, &payload);
    format!("{MARK}{head}.{sum:016x}.{payload}")
}

/// What a client's opaque field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A value of the client's own protocol, not wrapped by us.
    Native,
    /// A value we wrapped.
    Sealed {
        /// The value with its origin and issuer.
        sealed: Sealed<'static>,
        /// The upstream's id of the item.
        id: Option<String>,
    },
    /// A value we wrapped, changed on the way: it must not be sent.
    Broken,
}

/// Looks into a client's opaque field.
pub fn open(text: &str) -> Opened {
    let Some(rest) = text.strip_prefix(MARK) else {
        return Opened::Native;
    };
    unwrap(rest).unwrap_or(Opened::Broken)
}

fn unwrap(rest: &str) -> Option<Opened> {
    let mut fields = rest.split('.');
    let (origin, issuer, sum, payload) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    if fields.next().is_some() {
        return None;
    }
    let head = format!("{origin}.{issuer}");
    if sum != format!("{:016x}", checksum_of(&head, payload)) {
        return None;
    }
    let origin: Protocol = origin.parse().ok()?;
    let issuer = String::from_utf8(URL_SAFE_NO_PAD.decode(issuer).ok()?).ok()?;
    let inner = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    let (id, data) = inner.split_once('\0')?;
    Some(Opened::Sealed {
        sealed: Sealed {
            origin,
            issuer: Some(Str::from(issuer)),
            data: Str::from(data.to_owned()),
        },
        id: (!id.is_empty()).then(|| id.to_owned()),
    })
}

/// The issuer named by the last of our seals in a body, wherever it stands. Only a hint: the seal
/// may be broken.
pub fn latest_issuer(body: &[u8]) -> Option<String> {
    let at = memchr::memmem::rfind(body, MARK.as_bytes())? + MARK.len();
    let mut fields = body.get(at..)?.split(|byte| *byte == b'.');
    fields.next()?;
    String::from_utf8(URL_SAFE_NO_PAD.decode(fields.next()?).ok()?).ok()
}

/// Whether a body may hold a seal of ours, at the price of looking through it once. No client
/// escapes the letters of its strings; one that did would get the refusal of the upstream.
pub fn stands_in(body: &[u8]) -> bool {
    memchr::memmem::find(body, MARK.as_bytes()).is_some()
}

/// Whether a sealed value may be sent to `issuer`, an upstream that speaks `protocol`.
pub fn belongs_to(sealed: &Sealed<'_>, protocol: Protocol, issuer: &str) -> bool {
    sealed.origin == protocol && sealed.issuer.as_deref().is_none_or(|from| from == issuer)
}

fn checksum_of(head: &str, payload: &str) -> u64 {
    checksum(head.as_bytes()) ^ checksum(payload.as_bytes()).rotate_left(1)
}

/// FNV-1a, 64 bits: stable across builds, which the standard hasher is not.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Sealed<'static> {
        Sealed {
            origin: Protocol::Responses,
            issuer: None,
            data: "gAAA==\u{e9}".into(),
        }
    }

    #[test]
    fn a_wrapped_value_comes_back_with_its_id_and_issuer() {
        let text = wrap(&sealed(), "up.one", Some("rs_1"));
        let Opened::Sealed { sealed: back, id } = open(&text) else {
            panic!("{text}")
        };
        assert_eq!(back.data, sealed().data);
        assert_eq!(id.as_deref(), Some("rs_1"));
        assert!(belongs_to(&back, Protocol::Responses, "up.one"));
        assert!(!belongs_to(&back, Protocol::Responses, "up.two"));
        assert!(!belongs_to(&back, Protocol::Messages, "up.one"));
    }

    #[test]
    fn an_item_is_told_from_reasoning_after_the_way_through_a_client() {
        let json = r#"[{"type":"x"}]"#;
        let text = wrap(&item(Protocol::Messages, json).unwrap(), "up", Some("ws_1"));
        let Opened::Sealed { sealed: back, .. } = open(&text) else {
            panic!("{text}")
        };
        assert_eq!(item_of(&back), Some(json));
        assert_eq!(item_of(&sealed()), None);
        assert!(item(Protocol::Messages, &"x".repeat(MAX_ITEM + 1)).is_none());
    }

    #[test]
    fn an_echo_is_short_the_same_every_time_and_bounded() {
        let text = wrap(&echo(""), "deep", None);
        assert_eq!(text, wrap(&echo(""), "deep", None));
        assert!(text.len() < 48, "{text}");
        for (said, kept) in [
            ("", ""),
            ("a\0b \u{e9}", "a\0b \u{e9}"),
            (&"x".repeat(MAX_ECHO + 1), ""),
        ] {
            let Opened::Sealed { sealed: back, id } = open(&wrap(&echo(said), "deep", None)) else {
                panic!("{said}")
            };
            assert_eq!((echo_of(&back), id), (Some(kept), None));
            assert_eq!(item_of(&back), None);
            assert!(belongs_to(&back, Protocol::Chat, "deep"));
        }
        assert_eq!(echo_of(&sealed()), None);
    }

    #[test]
    fn the_issuer_of_the_latest_seal_is_found_in_a_body() {
        let [one, two] = ["up.one", "up.two"].map(|issuer| wrap(&sealed(), issuer, Some("rs_1")));
        let body = format!(r#"{{"a":"{one}","b":[{{"c":"{two}"}}],"d":1.5}}"#);
        assert_eq!(latest_issuer(body.as_bytes()).as_deref(), Some("up.two"));
        for none in ["{}", "proxai1.", "proxai1.chat", "proxai1.chat.*.x"] {
            assert_eq!(latest_issuer(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn any_changed_byte_breaks_it() {
        let text = wrap(&sealed(), "up", None);
        for at in MARK.len()..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(open(&changed), Opened::Broken, "{changed}");
            assert_eq!(open(&text[..at]), Opened::Broken);
        }
        assert_eq!(open("EqQBCkYIBRgC"), Opened::Native);
    }
}
