internal import Linux
package import MIG

/// The clocks a log is written by; a parameter, so that tests can step them.
package struct AuditClock: Sendable {
    let boot: String
    let wall: @Sendable () -> Timestamp
    let boottime: @Sendable () -> Int64

    /// `wall` is what people read; `boottime` counts nanoseconds from the boot that `boot` names, is never set and
    /// never stands still.
    package init(
        boot: String, wall: @escaping @Sendable () -> Timestamp, boottime: @escaping @Sendable () -> Int64
    ) {
        self.boot = boot
        self.wall = wall
        self.boottime = boottime
    }

    /// The kernel's clocks.
    package static func system() throws(AuditUnavailable) -> AuditClock {
        do throws(SystemError) {
            return AuditClock(boot: try Clock.bootID(), wall: Clock.wall, boottime: Clock.boottime)
        } catch {
            throw .system(error)
        }
    }

    func now() -> AuditStamp {
        var best = Int64.max
        var stamp = AuditStamp(boot: boot, time: wall(), monotonicNs: boottime())
        // A pause between the two readings would look like a step of the clock: the closest pair of three counts.
        for _ in 0..<3 where best > 1_000_000 {
            let before = boottime()
            let time = wall()
            let after = boottime()
            if after - before < best {
                best = after - before
                stamp = AuditStamp(boot: boot, time: time, monotonicNs: after)
            }
        }
        return stamp
    }
}

extension AuditStamp {
    /// How far the wall clock was moved between two moments of one boot, in nanoseconds; nil across boots.
    func step(since earlier: AuditStamp) -> Int64? {
        guard boot.utf8.elementsEqual(earlier.boot.utf8) else { return nil }
        let (wall, wallOverflow) = time.nanosecondsSinceEpoch
            .subtractingReportingOverflow(earlier.time.nanosecondsSinceEpoch)
        let (elapsed, elapsedOverflow) = monotonicNs.subtractingReportingOverflow(earlier.monotonicNs)
        let (step, overflow) = wall.subtractingReportingOverflow(elapsed)
        return wallOverflow || elapsedOverflow || overflow ? nil : step
    }
}
