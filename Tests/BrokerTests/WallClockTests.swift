import MIG
import Synchronization
import Testing

@testable import Broker

@Suite struct WallClockTests {
    /// Two clocks that stand still until somebody moves them; in seconds.
    private final class Clocks: Sendable {
        private let times = Mutex((wall: Int64(1_800_000_000), boottime: Int64(1000)))

        var clock: WallClock {
            WallClock(
                wall: { [self] in Timestamp(secondsSinceEpoch: times.withLock(\.wall)) },
                boottime: { [self] in times.withLock(\.boottime) * 1_000_000_000 })
        }

        func pass(_ seconds: Int64) {
            times.withLock {
                $0.wall += seconds
                $0.boottime += seconds
            }
        }

        func set(by seconds: Int64) { times.withLock { $0.wall += seconds } }
    }

    @Test func `time that passes, is set forward or a little back is told`() {
        let clocks = Clocks()
        let clock = clocks.clock
        for step in [0, 1, 86_400, -60] as [Int64] {
            clocks.set(by: step)
            clocks.pass(3600)
            #expect(clock.now != nil, "\(step)")
        }
    }

    @Test func `a clock that was set back tells no time until somebody trusts it again`() {
        let clocks = Clocks()
        let clock = clocks.clock
        #expect(clock.now != nil)
        clocks.set(by: -61)
        #expect(clock.now == nil)
        clocks.pass(3600)
        #expect(clock.now == nil, "what passes since does not make it right")
        clocks.set(by: 61)
        #expect(clock.now != nil, "it shows again what it would have shown")
        clocks.set(by: -86_400)
        #expect(clock.now == nil)
        clock.trust()
        #expect(clock.now != nil)
        clocks.set(by: -61)
        #expect(clock.now == nil)
    }

    @Test func `steps back that are small each are not small together`() {
        let clocks = Clocks()
        let clock = clocks.clock
        #expect(clock.now != nil)
        clocks.set(by: -40)
        #expect(clock.now != nil)
        clocks.set(by: -40)
        #expect(clock.now == nil)
    }
}
