//! Dates of RFC 3339 in UTC and seconds since 1970, for lists of models: one protocol's list has the
//! one, the other's has the other.
//!
//! The days are counted as in Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms": years
//! begin in March, so that the leap day is the last of its year.

const DAY: u64 = 86_400;
/// Days of 400 years.
const ERA: u64 = 146_097;
/// Days from the first of March of the year 0 to 1970.
const SHIFT: u64 = 719_468;
/// No model was or will be made later.
const LAST_YEAR: u64 = 9999;

/// The seconds of a date such as `2025-01-01T00:00:00Z`; offsets and fractions are left out of
/// account, since nobody lists models by the minute.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = text.get(from..to)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok())?
    };
    let marks = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":")];
    if !marks
        .iter()
        .all(|(at, mark)| text.get(*at..=*at) == Some(mark))
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let sane = (1970..=LAST_YEAR).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !sane {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let year_of_era = year % 400;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (year / 400 * ERA + day_of_era).checked_sub(SHIFT)?;
    Some(days * DAY + hour * 3600 + minute * 60 + second)
}

/// The date of a number of seconds.
pub(crate) fn text(seconds: u64) -> String {
    let (days, rest) = (seconds / DAY + SHIFT, seconds % DAY);
    let (era, day_of_era) = (days / ERA, days % ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / (ERA - 1)) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_seconds_are_the_same_both_ways() {
        for (date, at) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1972-02-29T23:59:59Z", 68_255_999),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2025-01-01T00:00:00Z", 1_735_689_600),
            ("2100-12-31T23:59:59Z", 4_133_980_799),
        ] {
            assert_eq!(seconds(date), Some(at), "{date}");
            assert_eq!(text(at), date);
        }
        for days in 0..60_000 {
            assert_eq!(seconds(&text(days * DAY)), Some(days * DAY));
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for wrong in [
            "",
            "2025",
            "2025-13-01T00:00:00Z",
            "2025-01-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2025-01-01 00:00:00",
            "20x5-01-01T00:00:00Z",
            "+025-01-01T00:00:00Z",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
        assert_eq!(
            seconds("2025-01-01T00:00:00.123+00:00"),
            Some(1_735_689_600)
        );
    }
}
