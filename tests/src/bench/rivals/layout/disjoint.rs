//! Rectangles of addresses and ports, made disjoint: nftables refuses interval sets whose elements overlap.

use std::collections::BTreeSet;

/// Both ends belong to it.
pub(super) type Span = (u32, u32);

/// Disjoint rectangles (addresses, ports) that cover what these cover together; neighbours with the same
/// addresses are one.
pub(super) fn disjoint(rectangles: &[(Span, Span)]) -> Vec<(Span, Span)> {
    // Between two neighbouring bounds no rectangle begins or ends.
    let bounds: BTreeSet<u32> =
        rectangles.iter().flat_map(|(_, (first, last))| [*first, last.saturating_add(1)]).collect();
    let bounds: Vec<u32> = bounds.into_iter().collect();
    let mut strips: Vec<(Span, Vec<Span>)> = Vec::new();
    for (&first, &next) in bounds.iter().zip(bounds.iter().skip(1)) {
        let inside = rectangles.iter().filter(|(_, ports)| ports.0 <= first && first <= ports.1);
        let addresses = union(inside.map(|(addresses, _)| *addresses).collect());
        match strips.last_mut() {
            Some((ports, same)) if ports.1.checked_add(1) == Some(first) && *same == addresses => {
                ports.1 = next - 1;
            }
            _ => strips.push(((first, next - 1), addresses)),
        }
    }
    strips
        .into_iter()
        .flat_map(|(ports, addresses)| addresses.into_iter().map(move |addresses| (addresses, ports)))
        .collect()
}

/// Disjoint spans that cover what these cover together.
pub(super) fn union(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for (first, last) in spans {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// A span less others.
pub(super) fn without(span: Span, others: &[Span]) -> Vec<Span> {
    let mut left = Vec::new();
    let mut next = Some(span.0);
    for (first, last) in union(others.to_vec()) {
        let Some(from) = next else { break };
        if first > span.1 {
            break;
        }
        if first > from {
            left.push((from, first - 1));
        }
        next = last.checked_add(1).map(|after| after.max(from));
    }
    left.extend(next.filter(|from| *from <= span.1).map(|from| (from, span.1)));
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_covered_stays_covered_once() {
        let rectangles = [((0, 9), (80, 90)), ((5, 20), (85, 95)), ((30, 40), (80, 80)), ((5, 20), (96, 99))];
        let made = disjoint(&rectangles);
        for address in 0..45 {
            for port in 75..105 {
                let covers = |((a, b), (c, d)): &(Span, Span)| {
                    (*a..=*b).contains(&address) && (*c..=*d).contains(&port)
                };
                let wanted = usize::from(rectangles.iter().any(covers));
                assert_eq!(made.iter().filter(|it| covers(it)).count(), wanted, "{address} {port}");
            }
        }
        assert_eq!(disjoint(&[]), []);
    }

    #[test]
    fn exceptions_are_cut_out() {
        assert_eq!(without((0, 9), &[(3, 4), (4, 5), (9, 12)]), [(0, 2), (6, 8)]);
        assert_eq!(without((0, u32::MAX), &[(7, u32::MAX)]), [(0, 6)]);
        assert_eq!(without((5, 9), &[(0, 9)]), []);
        assert_eq!(without((5, 9), &[(0, 5)]), [(6, 9)]);
    }
}
