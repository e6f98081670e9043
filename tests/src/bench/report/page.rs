//! A page of the documentation that holds tables: what stands between two marks is the last run's.
//!
//! `<!-- bench packet -->` begins the part of the suite `packet`, `<!-- end -->` ends it.

use anyhow::Context as _;

const END: &str = "<!-- end -->";

/// The page with the suite's part replaced.
///
/// # Errors
/// When the page lacks one of the marks.
pub(super) fn replaced(page: &str, suite: &str, tables: &str) -> anyhow::Result<String> {
    let mark = format!("<!-- bench {suite} -->");
    let (before, rest) = page.split_once(&mark).with_context(|| format!("the page has no {mark}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("the page has no {END} after {mark}"))?;
    Ok(format!("{before}{mark}\n\n{}\n\n{END}{after}", tables.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_suites_part_is_replaced() -> anyhow::Result<()> {
        let page = "a\n<!-- bench one -->\nold\n<!-- end -->\nb\n<!-- bench two -->\nkept\n<!-- end -->\n";
        let wanted =
            "a\n<!-- bench one -->\n\nnew\n\n<!-- end -->\nb\n<!-- bench two -->\nkept\n<!-- end -->\n";
        let once = replaced(page, "one", "new\n")?;
        assert_eq!(once, wanted);
        assert_eq!(replaced(&once, "one", "new\n")?, wanted);
        assert!(replaced(page, "three", "new").is_err());
        assert!(replaced("<!-- bench one -->", "one", "new").is_err());
        Ok(())
    }
}
