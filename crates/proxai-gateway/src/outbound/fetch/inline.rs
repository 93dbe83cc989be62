//! Puts files into a request where it names them by URL and the upstream takes only bytes.
//!
//! A file that cannot be had refuses the request, with the place of its URL: an answer of a model
//! that did not see the picture would look like one that did. So does a URL where nothing is
//! fetched at all; the upstream would refuse it too, in words that help less.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use proxai_ir::{Failure, FailureKind};
use proxai_providers::Quirks;
use proxai_types::Protocol;

use super::places::{Place, Wanted, find, written};
use super::{Fetched, Fetcher, MediaKind};
use crate::problem::Problem;

/// How many files are on their way at once.
const AT_ONCE: usize = 4;

/// Which URLs an upstream cannot take.
///
/// Chat has no place for the URL of a document, so on the way there one is fetched if that is
/// allowed, unless the row says that it goes through.
pub(crate) fn wanted(
    quirks: &Quirks,
    client: Protocol,
    upstream: Protocol,
    fetches: bool,
) -> Wanted {
    let homeless = fetches && upstream == Protocol::Chat && client != Protocol::Chat;
    Wanted {
        images: !quirks.image_urls(),
        documents: quirks.file_urls.map_or(homeless, |taken| !taken),
    }
}

/// The body with the files in it; `None` if there is nothing to put in. `limit` is for the whole.
pub(crate) async fn inline(
    fetcher: Option<&Fetcher>,
    protocol: Protocol,
    body: &Bytes,
    wanted: Wanted,
    limit: usize,
    provider: &str,
) -> Result<Option<Bytes>, Box<Problem>> {
    if wanted.is_nothing() {
        return Ok(None);
    }
    let places = find(protocol, body, wanted);
    let Some(first) = places.first() else {
        return Ok(None);
    };
    let Some(fetcher) = fetcher else {
        return Err(not_fetched(first, provider));
    };
    // On the heap: few requests get here, and all of them carry the future.
    let fetching: Fetching<'_> = Box::pin(fetch_all(fetcher.clone(), &places, body.len(), limit));
    let fetched = fetching.await?;
    let files: Vec<_> = places
        .iter()
        .filter_map(|place| {
            let (_, file) = fetched.iter().find(|(known, _)| same(known, place))?;
            Some((place.clone(), file.clone()))
        })
        .collect();
    Ok(written(body, &files).map(Bytes::from))
}

type Files = Vec<(Place, Fetched)>;
type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Files, Box<Problem>>> + Send + 'a>>;

/// Each file once, as long as all of them fit.
async fn fetch_all(
    fetcher: Fetcher,
    places: &[Place],
    mut size: usize,
    limit: usize,
) -> Result<Files, Box<Problem>> {
    let mut once: Vec<&Place> = Vec::new();
    for place in places {
        if once.iter().all(|known| !same(known, place)) {
            once.push(place);
        }
    }
    let most = fetcher.max_files();
    if let Some(beyond) = once.get(most) {
        let message = format!(
            "the request names {} files by URL, of which at most {most} are fetched; send the others as data",
            once.len()
        );
        let kind = FailureKind::InvalidRequest;
        return Err(refused(kind, "too_many_files", message, beyond));
    }
    let fetches: Vec<_> = once
        .into_iter()
        .map(|place| fetch_one(fetcher.clone(), place.clone()))
        .collect();
    let mut fetches = stream::iter(fetches).buffered(AT_ONCE);
    let mut files = Vec::new();
    while let Some((place, file)) = fetches.try_next().await? {
        let times = places.iter().filter(|other| same(other, &place)).count();
        // Base64 takes four bytes for three.
        size += times * (file.bytes.len() / 3 * 4 + 4);
        if size > limit {
            let message = format!(
                "with the files that it names by URL the request is larger than {limit} bytes"
            );
            let kind = FailureKind::TooLarge;
            return Err(refused(kind, "request_too_large", message, &place));
        }
        files.push((place, file));
    }
    Ok(files)
}

async fn fetch_one(fetcher: Fetcher, place: Place) -> Result<(Place, Fetched), Box<Problem>> {
    match fetcher.get(&place.url, place.kind).await {
        Ok(file) => Ok((place, file)),
        Err(error) => {
            let message = format!("`{}` was not fetched: {error}", place.path);
            let kind = FailureKind::InvalidRequest;
            Err(refused(kind, "file_not_fetched", message, &place))
        }
    }
}

fn same(one: &Place, other: &Place) -> bool {
    one.kind == other.kind && one.url == other.url
}

/// The refusal where fetching is off.
fn not_fetched(place: &Place, provider: &str) -> Box<Problem> {
    let what = match place.kind {
        MediaKind::Image => "images",
        MediaKind::Document => "documents",
    };
    let message = format!(
        "`{}` is a URL, and provider `{provider}` takes {what} only as data; send base64, or let proxai fetch it with `enabled = true` in `[fetch]`",
        place.path
    );
    refused(
        FailureKind::InvalidRequest,
        "unsupported_by_upstream",
        message,
        place,
    )
}

fn refused(kind: FailureKind, code: &str, message: String, place: &Place) -> Box<Problem> {
    Problem::refused(
        Failure::new(kind, message)
            .with_code(code)
            .with_param(place.path.clone()),
    )
}
