//! A look at a document's tokens before it is parsed: the parser takes some texts that are no documents, and refuses some
//! that are.

use apollo_parser::{Lexer, Token, TokenKind};

/// Why a text is no document.
pub(super) enum Refused {
    TooDeep,
    /// Where, in bytes, and what is wrong.
    Malformed(usize, &'static str),
}

/// The same document, written so that the parser reads it as the specification does. Nothing moves, so that the places in
/// errors stay right.
///
/// # Errors
/// What is no document (2.1), and what the parser lets pass or has no words for: braces without a selection (2.5), an
/// argument or an input field without a value (2.6, 2.9.8), and brackets that do not match.
pub(super) fn prepared(text: &str, nesting: usize) -> Result<String, Refused> {
    let (tokens, errors) = Lexer::new(text).lex();
    if let Some(error) = errors.first() {
        let wrong = "something in it is no word or sign of GraphQL";
        return Err(Refused::Malformed(error.index(), wrong));
    }
    let mut bytes = text.as_bytes().to_vec();
    let mut place = Place::default();
    for token in &tokens {
        let at = token.index();
        match (token.kind(), token.data()) {
            // Commas say nothing (2.1.5), wherever they are; and the parser takes the one for no Int that is 0.
            (TokenKind::Comma, _) | (TokenKind::Int, "-0") => bytes[at] = b' ',
            _ => {}
        }
        let trivia = [TokenKind::Comma, TokenKind::Whitespace, TokenKind::Comment];
        if !trivia.contains(&token.kind()) {
            place
                .step(token)
                .map_err(|wrong| Refused::Malformed(at, wrong))?;
            if place.open.len() > nesting {
                return Err(Refused::TooDeep);
            }
        }
    }
    // Only ASCII was replaced by ASCII.
    String::from_utf8(bytes).map_err(|_| Refused::Malformed(0, "it is not UTF-8"))
}

/// Where in a document a token stands.
#[derive(Default)]
struct Place {
    /// The brackets around it.
    open: Vec<TokenKind>,
    /// How many of them are round.
    round: usize,
    /// The token before it.
    last: Option<TokenKind>,
    /// Whether that was the name of an argument or an input field.
    named: bool,
}

impl Place {
    fn step(&mut self, token: &Token<'_>) -> Result<(), &'static str> {
        use TokenKind::{
            At, Colon, Dollar, Eq, LBracket, LCurly, LParen, Name, RBracket, RCurly, RParen,
        };
        let kind = token.kind();
        if self.named && kind != Colon {
            return Err("an argument or an input field has no value");
        }
        self.named = false;
        match kind {
            LCurly
                if self.open.last() == Some(&LParen) && !matches!(self.last, Some(Colon | Eq)) =>
            {
                return Err("a `)` is missing before this");
            }
            LParen | LCurly | LBracket => {
                self.open.push(kind);
                self.round += usize::from(kind == LParen);
            }
            RCurly if self.last == Some(LCurly) && self.round == 0 => {
                return Err("something must be selected between the braces");
            }
            RParen | RCurly | RBracket => match (self.open.pop(), kind) {
                (Some(LParen), RParen) => self.round -= 1,
                (Some(LCurly), RCurly) | (Some(LBracket), RBracket) => {}
                _ => return Err("this closes no bracket, or another than the last one"),
            },
            Name if self.round > 0 && self.open.last() != Some(&LBracket) => {
                self.named = !matches!(self.last, Some(Colon | Dollar | At | Eq));
            }
            _ => {}
        }
        self.last = Some(kind);
        Ok(())
    }
}
