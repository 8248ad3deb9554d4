internal import Linux
internal import MIG
internal import Synchronization

/// The time by which the policy's hours are judged, as long as it can be trusted.
///
/// A clock that is set back would open hours that are over. So more than a minute behind where it was, by the clock that
/// nobody can set, it tells no time at all, until the policy is loaded again: whoever does that sees the time first.
final class WallClock: Sendable {
    private static let tolerance: Int64 = 60_000_000_000

    private let wall: @Sendable () -> Timestamp
    private let boottime: @Sendable () -> Int64
    /// The most that the wall clock was ahead of the other one.
    private let ahead = Mutex<Int64?>(nil)

    init(
        wall: @escaping @Sendable () -> Timestamp = Clock.wall,
        boottime: @escaping @Sendable () -> Int64 = Clock.boottime
    ) {
        self.wall = wall
        self.boottime = boottime
    }

    /// Nil where the clock was set back.
    var now: Timestamp? {
        let time = wall()
        let lead = time.nanosecondsSinceEpoch.subtractingReportingOverflow(boottime())
        guard !lead.overflow else { return nil }
        return ahead.withLock { ahead in
            let most = max(ahead ?? lead.partialValue, lead.partialValue)
            ahead = most
            return most - lead.partialValue <= Self.tolerance ? time : nil
        }
    }

    /// Takes the time as it is for right.
    func trust() { ahead.withLock { $0 = nil } }
}
