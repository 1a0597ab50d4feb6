//! What `/metrics` says, and to whom.

mod access;
mod counts;
mod page;

use reqwest::Method;

use crate::support::TestApp;

/// The page as this machine gets it.
async fn page(app: &TestApp) -> String {
    let request = app.anonymous().raw(Method::GET, &app.url("/metrics"));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("a text")
}

/// The sum of all samples of a name, whatever their labels; 0 where there are none yet.
fn sum(page: &str, name: &str) -> f64 {
    let of_name = |line: &str| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        (labels.is_empty() || labels.starts_with('{')).then(|| value.to_owned())
    };
    let values = page.lines().filter_map(of_name);
    values
        .map(|value| value.parse::<f64>().expect("a number"))
        .sum()
}

/// By how much samples have risen from one page to another.
struct Rise {
    before: String,
    after: String,
}

impl Rise {
    /// Fails unless the samples of a name, which may have labels in it, have risen by this.
    #[track_caller]
    fn is(&self, name: &str, by: f64) {
        let rise = sum(&self.after, name) - sum(&self.before, name);
        assert!(
            (rise - by).abs() < f64::EPSILON,
            "{name} rose by {rise}, not {by}"
        );
    }
}
