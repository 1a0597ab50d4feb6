//! JSON in several texts, each in the gap of another, and how they come together.

use super::answer::Hole;

/// A text that stands in the gap of another. The first one is the whole.
#[derive(Default)]
pub(super) struct Text {
    pub(super) json: Vec<u8>,
    /// What goes into it, and where, in order.
    pub(super) gaps: Vec<(usize, Gap)>,
}

#[derive(Clone)]
pub(super) enum Gap {
    /// Another text.
    Text(usize),
    Hole(Hole),
}

/// Where null may stand in place of what was written.
pub(super) struct Place {
    pub(super) text: usize,
    pub(super) from: usize,
    pub(super) to: usize,
    /// The place around it.
    pub(super) around: usize,
    pub(super) is_null: bool,
}

/// The whole, and the holes that are left in it.
pub(super) fn together(mut texts: Vec<Text>, places: &[Place]) -> (Vec<u8>, Vec<(usize, Hole)>) {
    if texts[0].gaps.is_empty() {
        return (texts.swap_remove(0).json, Vec::new());
    }
    let size = texts.iter().map(|text| text.json.len()).sum();
    let (mut data, mut holes) = (Vec::with_capacity(size), Vec::new());
    let nulls = places.iter().filter(|place| place.is_null);
    let nulls = nulls.collect::<Vec<_>>();
    assemble(&texts, &nulls, 0, &mut data, &mut holes);
    (data, holes)
}

/// Appends a text with all that goes into it.
fn assemble(
    texts: &[Text],
    nulls: &[&Place],
    index: usize,
    data: &mut Vec<u8>,
    holes: &mut Vec<(usize, Hole)>,
) {
    let text = &texts[index];
    let own = nulls.iter().filter(|place| place.text == index);
    let mut own = own.map(|place| (place.from, place.to)).collect::<Vec<_>>();
    own.sort_unstable();
    let mut own = own.into_iter().peekable();
    let mut at = 0;
    let mut copy = |data: &mut Vec<u8>, to: usize| {
        // Places where null stands now, with all that is inside them.
        while let Some((from, end)) = own.next_if(|(from, _)| *from < to) {
            if from >= at {
                data.extend_from_slice(&text.json[at..from]);
                data.extend_from_slice(b"null");
                at = end;
            }
        }
        let inside = to < at;
        if !inside {
            data.extend_from_slice(&text.json[at..to]);
            at = to;
        }
        !inside
    };
    for (to, gap) in &text.gaps {
        if copy(data, *to) {
            match gap {
                Gap::Text(below) => assemble(texts, nulls, *below, data, holes),
                Gap::Hole(hole) => holes.push((data.len(), hole.clone())),
            }
        }
    }
    copy(data, text.json.len());
}
