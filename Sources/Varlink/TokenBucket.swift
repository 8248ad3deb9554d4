package import MIG

/// How often something may be done: so many at once, and so many a second in the long run.
///
/// Time is a parameter, `Clock.monotonic` as a rule; one that goes backwards counts as standing still.
package struct TokenBucket: Sendable {
    private let perSecond: Int64
    private let capacity: Int64
    /// In thousand-millionths of a token, so that a nanosecond brings a whole number of them.
    private var level: Int64
    private var filledAt: Int64

    private static let token: Int64 = 1_000_000_000

    /// A full bucket. Neither number may be past a thousand million, so that no sum overflows.
    package init(perSecond: Int, burst: Int, now: Int64) {
        precondition((1...1_000_000_000).contains(perSecond) && (1...1_000_000_000).contains(burst))
        self.perSecond = Int64(perSecond)
        capacity = Int64(burst) * Self.token
        level = capacity
        filledAt = now
    }

    /// Takes one token if there is one.
    package mutating func take(now: Int64) -> Bool {
        fill(now: now)
        guard level >= Self.token else { return false }
        level -= Self.token
        return true
    }

    /// Whether nothing was taken that has not come back; then the bucket is as good as a new one.
    package mutating func isFull(now: Int64) -> Bool {
        fill(now: now)
        return level == capacity
    }

    private mutating func fill(now: Int64) {
        guard now > filledAt else { return }
        let (gain, overflow) = (now - filledAt).multipliedReportingOverflow(by: perSecond)
        level = overflow || gain >= capacity - level ? capacity : level + gain
        filledAt = now
    }
}

/// A token bucket for each user.
package struct UserRates: Sendable {
    private let perSecond: Int
    private let burst: Int
    private var buckets: [UserID: TokenBucket] = [:]
    private var sweepAt: Int

    /// Users who may come before buckets that are full again are let go of.
    private static let leastSweep = 64

    package init(perSecond: Int, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
        sweepAt = Self.leastSweep
    }

    /// How many users are remembered.
    package var count: Int { buckets.count }

    /// Whether this user may do it once more now; if so, it is counted.
    package mutating func take(_ user: UserID, now: Int64) -> Bool {
        if buckets.count >= sweepAt { sweep(now: now) }
        return buckets[user, default: TokenBucket(perSecond: perSecond, burst: burst, now: now)].take(now: now)
    }

    private mutating func sweep(now: Int64) {
        buckets = buckets.filter { entry in
            var bucket = entry.value
            return !bucket.isFull(now: now)
        }
        sweepAt = max(Self.leastSweep, buckets.count * 2)
    }
}
