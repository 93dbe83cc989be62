//! The macros that declare wire types, and what they expand to.
//!
//! Rules every wire type follows: one pass over the input, no buffering unless a union's tag comes
//! late; a member that is missing or `null` takes its default; a member nobody named is kept in
//! `extra` where the type has one, else skipped; members are written in declaration order, then
//! the extra ones.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde_json::value::RawValue;

use crate::{Extra, Member, Str};

/// Members that were read before a union's tag was found.
#[derive(Debug, Default)]
pub struct Buffered<'de>(pub Vec<(Str<'de>, &'de RawValue)>);

/// A struct that [`wire!`](crate::wire) declared: readable from the middle of an object and
/// writable into one, so that a union can read and write its tag itself.
pub trait FromMap<'de>: Sized {
    /// Reads the members, those in `buffered` first.
    fn from_map<A: MapAccess<'de>>(buffered: Buffered<'de>, map: &mut A) -> Result<Self, A::Error>;
}

/// A union member of a kind that is not declared: kept whole.
#[derive(Clone, Debug, Default)]
pub struct Unknown<'a> {
    /// The value of the tag; empty when the tag was missing.
    pub kind: Str<'a>,
    /// Every other member.
    pub members: Extra<'a>,
}

impl<'de: 'a, 'a> FromMap<'de> for Unknown<'a> {
    fn from_map<A: MapAccess<'de>>(buffered: Buffered<'de>, map: &mut A) -> Result<Self, A::Error> {
        let mut members = Extra(buffered.0);
        while let Some(key) = map.next_key::<Str<'de>>()? {
            let value = map.next_value::<&'de RawValue>()?;
            members.0.push((key, value));
        }
        Ok(Self {
            kind: Str::default(),
            members,
        })
    }
}

/// Declares wire structs.
///
/// ```
/// proxai_json::wire! {
///     /// Named members, then `..extra` if unknown ones are to be kept.
///     pub struct Example<'a> {
///         /// Always written.
///         pub id: proxai_json::Str<'a> = "id",
///         /// Written when present.
///         pub size: Option<u64> = "size",
///         ..extra
///     }
/// }
/// ```
#[macro_export]
macro_rules! wire {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident $(<$lt:lifetime>)? {
            $( $(#[$field_meta:meta])* pub $field:ident : $type:ty = $key:literal, )*
            $(..$extra:ident)?
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        pub struct $name $(<$lt>)? {
            $( $(#[$field_meta])* pub $field: $type, )*
            $(
                /// Members this type does not name, in wire order.
                pub $extra: $crate::Extra<'a>,
            )?
        }

        impl<'de $(: $lt, $lt)?> $crate::FromMap<'de> for $name $(<$lt>)? {
            #[allow(unused_mut, unused_variables, reason = "a struct may have no members")]
            fn from_map<A: $crate::__private::serde::de::MapAccess<'de>>(
                buffered: $crate::Buffered<'de>,
                map: &mut A,
            ) -> ::core::result::Result<Self, A::Error> {
                let mut this = Self::default();
                for (key, raw) in buffered.0 {
                    match key.as_str() {
                        $( $key => $crate::__private::raw_member(&mut this.$field, raw)?, )*
                        _ => { $( this.$extra.0.push((key, raw)); )? }
                    }
                }
                while let Some(key) = map.next_key::<$crate::Str<'de>>()? {
                    match key.as_str() {
                        $( $key => $crate::__private::member(&mut this.$field, map)?, )*
                        _ => $crate::wire!(@unknown this map key $($extra)?),
                    }
                }
                Ok(this)
            }
        }

        impl<'de $(: $lt, $lt)?> $crate::__private::serde::Deserialize<'de> for $name $(<$lt>)? {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                deserializer.deserialize_map($crate::__private::WireVisitor::new())
            }
        }

        impl $(<$lt>)? $name $(<$lt>)? {
            /// Writes the members into an object that has been begun.
            #[doc(hidden)]
            #[allow(unused_variables, reason = "a struct may have no members")]
            pub fn write_members<M: $crate::__private::serde::ser::SerializeMap>(
                &self,
                map: &mut M,
            ) -> ::core::result::Result<(), M::Error> {
                $(
                    if !$crate::Member::is_absent(&self.$field) {
                        map.serialize_entry($key, &self.$field)?;
                    }
                )*
                $( $crate::__private::emit_extra(&self.$extra, map)?; )?
                Ok(())
            }
        }

        impl $(<$lt>)? $crate::__private::serde::Serialize for $name $(<$lt>)? {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                use $crate::__private::serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                self.write_members(&mut map)?;
                map.end()
            }
        }

        impl $(<$lt>)? $crate::Member for $name $(<$lt>)? {}
    )*};
    (@unknown $this:ident $map:ident $key:ident) => {
        { $map.next_value::<$crate::__private::serde::de::IgnoredAny>()?; }
    };
    (@unknown $this:ident $map:ident $key:ident $extra:ident) => {
        { let value = $map.next_value()?; $this.$extra.0.push(($key, value)); }
    };
}

/// Declares unions of wire structs, told apart by a tag; a kind that is not declared becomes
/// `Unknown`.
///
/// `by "type"` names the tag; `else "message"` gives the kind of an object without it.
#[macro_export]
macro_rules! wire_union {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident<$lt:lifetime> by $tag:literal $(else $default:literal)? {
            $( $(#[$variant_meta:meta])* $variant:ident($type:ty) = $kind:literal, )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug)]
        #[allow(
            clippy::large_enum_variant,
            reason = "values live on the stack for one call; boxing would allocate per part"
        )]
        #[non_exhaustive]
        pub enum $name<$lt> {
            $( $(#[$variant_meta])* $variant($type), )*
            /// A kind that is not declared here.
            Unknown($crate::Unknown<$lt>),
        }

        impl<$lt> $name<$lt> {
            /// Every declared kind, in order.
            pub const KINDS: &'static [&'static str] = &[$($kind),*];

            /// The value of the tag.
            pub fn kind(&self) -> &str {
                match self {
                    $( Self::$variant(_) => $kind, )*
                    Self::Unknown(unknown) => &unknown.kind,
                }
            }
        }

        impl<'de: $lt, $lt> $crate::FromMap<'de> for $name<$lt> {
            fn from_map<A: $crate::__private::serde::de::MapAccess<'de>>(
                buffered: $crate::Buffered<'de>,
                map: &mut A,
            ) -> ::core::result::Result<Self, A::Error> {
                let (kind, buffered) = $crate::__private::tag_of($tag, buffered, map)?;
                let kind = kind.unwrap_or_default();
                $( let kind = if kind.is_empty() { $crate::Str::borrowed($default) } else { kind }; )?
                Ok(match kind.as_str() {
                    $( $kind => Self::$variant($crate::FromMap::from_map(buffered, map)?), )*
                    _ => Self::Unknown($crate::Unknown {
                        kind,
                        ..$crate::FromMap::from_map(buffered, map)?
                    }),
                })
            }
        }

        impl<'de: $lt, $lt> $crate::__private::serde::Deserialize<'de> for $name<$lt> {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                deserializer.deserialize_map($crate::__private::UnionVisitor::new())
            }
        }

        impl<$lt> $crate::__private::serde::Serialize for $name<$lt> {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                use $crate::__private::serde::ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                if !self.kind().is_empty() {
                    map.serialize_entry($tag, self.kind())?;
                }
                match self {
                    $( Self::$variant(value) => value.write_members(&mut map)?, )*
                    Self::Unknown(unknown) => {
                        $crate::__private::emit_extra(&unknown.members, &mut map)?;
                    }
                }
                map.end()
            }
        }

        impl<$lt> $crate::Member for $name<$lt> {}
    )*};
}

/// Declares open enumerations: a string that is not declared becomes `Other`.
#[macro_export]
macro_rules! open_enum {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident<$lt:lifetime> {
            $( $(#[$variant_meta:meta])* $variant:ident = $text:literal, )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name<$lt> {
            $( $(#[$variant_meta])* $variant, )*
            /// A value that is not declared here.
            Other($crate::Str<$lt>),
        }

        impl<$lt> $name<$lt> {
            /// Every declared value, in order.
            pub const VALUES: &'static [&'static str] = &[$($text),*];

            /// The value as it stands on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Other(text) => text,
                }
            }
        }

        impl<$lt> From<$crate::Str<$lt>> for $name<$lt> {
            fn from(text: $crate::Str<$lt>) -> Self {
                match text.as_str() {
                    $( $text => Self::$variant, )*
                    _ => Self::Other(text),
                }
            }
        }

        impl<'de: $lt, $lt> $crate::__private::serde::Deserialize<'de> for $name<$lt> {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                <$crate::Str<$lt> as $crate::__private::serde::Deserialize>::deserialize(deserializer)
                    .map(Self::from)
            }
        }

        impl<$lt> $crate::__private::serde::Serialize for $name<$lt> {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<$lt> $crate::Member for $name<$lt> {}
    )*};
}

/// Reads the next value into `slot`; `null` leaves the default.
pub fn member<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut T,
    map: &mut A,
) -> Result<(), A::Error> {
    if let Some(value) = map.next_value::<Option<T>>()? {
        *slot = value;
    }
    Ok(())
}

/// Reads a buffered value into `slot`; `null` leaves the default.
pub fn raw_member<'de, T: Deserialize<'de>, E: Error>(
    slot: &mut T,
    raw: &'de RawValue,
) -> Result<(), E> {
    if is_too_deep(raw.get()) {
        return Err(E::custom("recursion limit exceeded"));
    }
    if let Some(value) = serde_json::from_str::<Option<T>>(raw.get()).map_err(E::custom)? {
        *slot = value;
    }
    Ok(())
}

/// Most levels below a buffered member: what serde_json allows a whole body. Its own limit starts
/// anew with each buffered member, so that late tags could nest without end.
const MAX_DEPTH: usize = 128;

fn is_too_deep(json: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    json.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

/// Finds the tag among the buffered members or the next ones, and returns it with what was passed.
pub fn tag_of<'de, A: MapAccess<'de>>(
    tag: &str,
    mut buffered: Buffered<'de>,
    map: &mut A,
) -> Result<(Option<Str<'de>>, Buffered<'de>), A::Error> {
    if let Some(at) = buffered.0.iter().position(|(key, _)| key == tag) {
        let (_, raw) = buffered.0.remove(at);
        let mut kind = None;
        raw_member::<Option<Str<'de>>, A::Error>(&mut kind, raw)?;
        return Ok((kind, buffered));
    }
    while let Some(key) = map.next_key::<Str<'de>>()? {
        if key == tag {
            return Ok((map.next_value()?, buffered));
        }
        let value = map.next_value()?;
        buffered.0.push((key, value));
    }
    Ok((None, buffered))
}

/// Writes unknown members.
pub fn emit_extra<M: SerializeMap>(extra: &Extra<'_>, map: &mut M) -> Result<(), M::Error> {
    for (key, value) in extra.iter() {
        map.serialize_entry(key, value)?;
    }
    Ok(())
}

/// Reads a [`FromMap`] type from a whole object.
#[derive(Debug)]
pub struct WireVisitor<T>(PhantomData<T>);

impl<T> WireVisitor<T> {
    #[expect(clippy::new_without_default, reason = "only macros call it")]
    #[expect(missing_docs, reason = "only macros call it")]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

/// The same for unions; an alias so that the two macros read alike.
pub type UnionVisitor<T> = WireVisitor<T>;

impl<'de, T: FromMap<'de>> Visitor<'de> for WireVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        T::from_map(Buffered::default(), &mut map)
    }
}

impl Member for Unknown<'_> {}

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macros declare public types")]
mod tests {
    use crate::{Nullable, Str, Text, from_slice, to_string};

    wire! {
        /// A text part.
        pub struct TextPart<'a> {
            /// The text.
            pub text: Str<'a> = "text",
            ..extra
        }

        /// An image part.
        pub struct ImagePart<'a> {
            /// Where it is.
            pub url: Option<Str<'a>> = "url",
            /// How large it is.
            pub size: Nullable<u64> = "size",
        }

        /// A message.
        pub struct Message<'a> {
            /// Text or parts.
            pub content: Option<Text<'a, Part<'a>>> = "content",
            /// Who speaks.
            pub role: Option<Role<'a>> = "role",
        }

        /// Nothing at all.
        pub struct Empty {}
    }

    wire_union! {
        /// A part.
        pub enum Part<'a> by "type" else "text" {
            /// Text.
            Text(TextPart<'a>) = "text",
            /// An image.
            Image(ImagePart<'a>) = "image",
            /// Nothing.
            Empty(Empty) = "empty",
        }
    }

    open_enum! {
        /// A role.
        pub enum Role<'a> {
            /// The user.
            User = "user",
        }
    }

    #[test]
    fn a_union_reads_its_tag_first_last_or_not_at_all() {
        for body in [
            r#"{"type":"text","text":"a","more":1}"#,
            r#"{"text":"a","type":"text","more":1}"#,
            r#"{"text":"a","more":1}"#,
        ] {
            let Part::Text(part) = from_slice(body.as_bytes()).unwrap() else {
                panic!("{body}")
            };
            assert_eq!(part.text, "a");
            assert_eq!(part.extra.get("more").unwrap().get(), "1");
        }
    }

    #[test]
    fn an_unknown_kind_survives_with_all_its_members() {
        let body = r#"{"x":{"b":1e400},"type":"video","url":"u"}"#;
        let part: Part<'_> = from_slice(body.as_bytes()).unwrap();
        assert_eq!(
            (part.kind(), Part::KINDS, Role::VALUES.len()),
            ("video", &["text", "image", "empty"][..], 1)
        );
        assert_eq!(
            to_string(&part),
            r#"{"type":"video","x":{"b":1e400},"url":"u"}"#
        );
    }

    #[test]
    fn null_and_missing_members_are_the_default_and_absent_ones_are_not_written() {
        let part: Part<'_> = from_slice(br#"{"type":"image","url":null,"size":null}"#).unwrap();
        assert_eq!(to_string(&part), r#"{"type":"image"}"#);
        let part = Part::Image(ImagePart {
            url: None,
            size: Nullable::Null,
        });
        assert_eq!(to_string(&part), r#"{"type":"image","size":null}"#);
    }

    #[test]
    fn late_tags_cannot_nest_without_end() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        let body = format!(r#"{{"size":{deep},"type":"image"}}"#);
        let error = from_slice::<Part<'_>>(body.as_bytes()).unwrap_err();
        assert!(error.message.contains("recursion limit"), "{error}");
        // Brackets within strings do not count.
        assert!(!super::is_too_deep(&format!(
            "\"{}\\\"[\"",
            "[".repeat(200)
        )));
        assert!(super::is_too_deep(&"[".repeat(129)));
    }

    #[test]
    fn text_borrows_unless_it_is_escaped() {
        let body = br#"{"role":"robot","content":"plain"}"#;
        let message: Message<'_> = from_slice(body).unwrap();
        assert!(matches!(
            &message.content,
            Some(Text::String(Str(std::borrow::Cow::Borrowed("plain"))))
        ));
        assert_eq!(message.role.unwrap().as_str(), "robot");
        let message: Message<'_> =
            from_slice(br#"{"content":[{"type":"empty"},{"text":"\n"}]}"#).unwrap();
        assert!(matches!(message.content, Some(Text::Parts(parts)) if parts.len() == 2));
    }

    #[test]
    fn the_error_of_a_nested_member_names_its_path() {
        let error =
            from_slice::<Message<'_>>(br#"{"content":[{"type":"image","size":"x"}]}"#).unwrap_err();
        assert_eq!(error.path, "content[0].size");
    }
}
