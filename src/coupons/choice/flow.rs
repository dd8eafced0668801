//! How much several payers can pay together, each for some lines only.
//!
//! Payers are added one by one. A new one pays as much as it can; where the lines it is good for are paid already, those who
//! pay them move to other lines if they can. What a payer pays in all never changes afterwards. So the sum is the largest
//! possible for the payers so far, whatever their order (it is a maximum flow, found along shortest augmenting paths).

use rust_decimal::Decimal;
use std::collections::VecDeque;

/// Lines with what is still to be paid, and who pays what.
#[derive(Clone, Debug)]
pub struct Flow {
    prices: Vec<Decimal>,
    demands: Vec<Decimal>,
    payers: Vec<Payer>,
}

#[derive(Clone, Debug)]
struct Payer {
    lines: Vec<usize>,
    paid: Vec<Decimal>,
}

impl Flow {
    /// Nothing is paid yet.
    pub fn new(demands: Vec<Decimal>) -> Self {
        Self { prices: demands.clone(), demands, payers: Vec::new() }
    }

    /// What a line costs, as it was lowered.
    pub fn price(&self, line: usize) -> Decimal {
        self.prices[line]
    }

    /// What has been paid in all.
    pub fn total(&self) -> Decimal {
        self.payers.iter().flat_map(|payer| &payer.paid).sum()
    }

    /// Whether nothing is left to be paid.
    pub fn is_all_paid(&self) -> bool {
        self.demands.iter().all(Decimal::is_zero)
    }

    /// What a payer, by its place in the order of adding, pays of which lines.
    pub fn paid(&self, payer: usize) -> Vec<(usize, Decimal)> {
        let paid = self.payers[payer].paid.iter().copied().enumerate();
        paid.filter(|(_, amount)| !amount.is_zero()).collect()
    }

    /// Adds a payer that lowers the price of each line by this share; before those that pay.
    pub fn lower(&mut self, lines: &[usize], share: impl Fn(Decimal) -> Decimal) {
        let mut paid = vec![Decimal::ZERO; self.demands.len()];
        for line in lines {
            paid[*line] = share(self.demands[*line]).min(self.demands[*line]);
            self.demands[*line] -= paid[*line];
            self.prices[*line] -= paid[*line];
        }
        // It takes of these lines and no others, so nobody can move it.
        self.payers.push(Payer { lines: Vec::new(), paid });
    }

    /// Adds a payer that pays up to `supply` for any of these lines.
    pub fn add(&mut self, lines: Vec<usize>, mut supply: Decimal) {
        self.payers.push(Payer { lines, paid: vec![Decimal::ZERO; self.demands.len()] });
        let newcomer = self.payers.len() - 1;
        while supply > Decimal::ZERO {
            let Some(path) = self.path(newcomer) else { return };
            supply -= self.augment(&path, supply);
        }
    }

    /// The shortest way to a line that is not fully paid: the newcomer pays for the first line, whose payer moves to the
    /// second, and so on. Each step is a payer and the line it will pay for.
    fn path(&self, newcomer: usize) -> Option<Vec<(usize, usize)>> {
        // By which step each line was reached: the payer, and the line before, which that payer leaves.
        let mut reached: Vec<Option<(usize, Option<usize>)>> = vec![None; self.demands.len()];
        let mut waiting = VecDeque::from([(newcomer, None)]);
        while let Some((payer, left)) = waiting.pop_front() {
            for line in self.payers[payer].lines.iter().copied() {
                if reached[line].is_some() {
                    continue;
                }
                reached[line] = Some((payer, left));
                if self.demands[line] > Decimal::ZERO {
                    return Some(way(&reached, line));
                }
                let movable = |other: &usize| self.payers[*other].paid[line] > Decimal::ZERO && *other != payer;
                let others =
                    (0..self.payers.len()).filter(movable).filter(|other| !self.payers[*other].lines.is_empty());
                waiting.extend(others.map(|other| (other, Some(line))));
            }
        }
        None
    }

    /// Moves as much as every step of the way allows.
    fn augment(&mut self, path: &[(usize, usize)], supply: Decimal) -> Decimal {
        let (_, last) = *path.last().expect("a way has a step");
        let moved = path.windows(2).map(|steps| self.payers[steps[1].0].paid[steps[0].1]);
        let amount = moved.fold(supply.min(self.demands[last]), Decimal::min);
        for (step, (payer, line)) in path.iter().copied().enumerate() {
            self.payers[payer].paid[line] += amount;
            if step > 0 {
                self.payers[payer].paid[path[step - 1].1] -= amount;
            }
        }
        self.demands[last] -= amount;
        amount
    }
}

fn way(reached: &[Option<(usize, Option<usize>)>], end: usize) -> Vec<(usize, usize)> {
    let mut path = Vec::new();
    let mut line = Some(end);
    while let Some(at) = line {
        let (payer, before) = reached[at].expect("the way back leads over reached lines");
        path.push((payer, at));
        line = before;
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(numbers: &[i64]) -> Vec<Decimal> {
        numbers.iter().copied().map(Decimal::from).collect()
    }

    #[test]
    fn a_newcomer_with_fewer_lines_makes_an_earlier_one_move() {
        let mut flow = Flow::new(amounts(&[10, 10]));
        flow.add(vec![0, 1], Decimal::TEN);
        assert_eq!(flow.paid(0), [(0, Decimal::TEN)]);
        flow.add(vec![0], Decimal::TEN);
        assert_eq!((flow.paid(0), flow.paid(1)), (vec![(1, Decimal::TEN)], vec![(0, Decimal::TEN)]));
        assert!(flow.is_all_paid() && flow.total() == Decimal::from(20));
    }

    #[test]
    fn a_chain_of_moves_is_found() {
        let mut flow = Flow::new(amounts(&[5, 5, 5]));
        flow.add(vec![0, 1], Decimal::from(5));
        flow.add(vec![1, 2], Decimal::from(5));
        flow.add(vec![0], Decimal::from(5));
        assert!(flow.is_all_paid());
        assert_eq!(flow.paid(2), [(0, Decimal::from(5))]);
    }

    #[test]
    fn what_lowers_the_price_stays_where_it_is() {
        let mut flow = Flow::new(amounts(&[10]));
        flow.lower(&[0], |amount| amount / Decimal::TWO);
        flow.add(vec![0], Decimal::TEN);
        assert_eq!((flow.paid(0), flow.paid(1)), (vec![(0, Decimal::from(5))], vec![(0, Decimal::from(5))]));
    }
}
