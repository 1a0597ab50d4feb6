//! "Did you mean": names of the schema that are nearly what a document says.

use apollo_compiler::schema::ExtendedType;

use super::schema::VALIDATOR;

/// A question to put behind an error of validation that names something unknown.
pub(super) fn of(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (unknown, known) = if message.contains("does not have a field") {
        let of = VALIDATOR.schema.types.get(quoted.next()?)?;
        let fields = match of {
            ExtendedType::Object(object) => object.fields.keys(),
            ExtendedType::Interface(interface) => interface.fields.keys(),
            _ => return None,
        };
        (
            quoted.next()?,
            fields.map(apollo_compiler::Name::as_str).collect(),
        )
    } else if message.starts_with("the argument `") {
        let unknown = quoted.next()?;
        let (of, field) = quoted.next()?.split_once('.')?;
        let field = VALIDATOR.schema.type_field(of, field).ok()?;
        let arguments = field
            .arguments
            .iter()
            .map(|argument| argument.name.as_str());
        (unknown, arguments.collect::<Vec<_>>())
    } else {
        return None;
    };
    let near =
        |name: &&str| strsim::damerau_levenshtein(unknown, name) <= unknown.len() * 2 / 5 + 1;
    let mut near = known.into_iter().filter(near).collect::<Vec<_>>();
    near.sort_by_key(|name| strsim::damerau_levenshtein(unknown, name));
    near.truncate(3);
    let near = near.iter().map(|name| format!("\"{name}\""));
    let near = near.collect::<Vec<_>>().join(" or ");
    (!near.is_empty()).then(|| format!("Did you mean {near}?"))
}
