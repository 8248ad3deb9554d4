import Linux
import MIG
import Policy
import Testing

@testable import Broker

@Suite("The ledger")
struct LedgerTests {
    private static let bob = UserID(2002)

    private static func change(
        _ operation: UInt8, _ user: UserID = Story.alice, method: String = "Request", isDone: Bool = true,
        key: String? = "k", asked: String? = "words"
    ) -> FinishedChange {
        FinishedChange(
            id: Story.operation(operation), user: user, method: method, state: isDone ? .done : .failed,
            error: isDone ? nil : "NoRoom", leases: [], key: key, asked: asked)
    }

    private static func found(
        in ledger: Ledger, method: String = "Request", _ words: String = "words", key: String? = "k",
        of user: UserID = Story.alice
    ) throws -> OperationID? {
        try ledger.change(repeatedBy: method, Records.Asked(words, key: key), of: user)?.id
    }

    @Test func `finds the change that a call repeats, also by words that the log cuts`() throws {
        var ledger = Ledger()
        let long = String(repeating: "1g.5gb ", count: 60)
        ledger.put(Self.change(1))
        ledger.put(Self.change(2, key: "long", asked: Records.Asked(long, key: nil).words))
        #expect(try Self.found(in: ledger) == Story.operation(1))
        #expect(try Self.found(in: ledger, long, key: "long") == Story.operation(2))
    }

    @Test func `finds none without a key, by another key, for another user or where it failed`() throws {
        var ledger = Ledger()
        ledger.put(Self.change(1))
        ledger.put(Self.change(2, key: nil))
        ledger.put(Self.change(3, isDone: false, key: "failed"))
        #expect(try Self.found(in: ledger, key: nil) == nil)
        #expect(try Self.found(in: ledger, key: "K") == nil)
        #expect(try Self.found(in: ledger, of: Self.bob) == nil)
        #expect(try Self.found(in: ledger, key: "failed") == nil)
        // Two spellings that look alike are two keys.
        ledger.put(Self.change(4, key: "\u{e9}"))
        #expect(try Self.found(in: ledger, key: "e\u{301}") == nil)
    }

    @Test(arguments: [("Renew", "words"), ("request", "words"), ("Request", "other words"), ("Request", "")])
    func `refuses a key that stands for something else`(_ method: String, _ words: String) {
        var ledger = Ledger()
        ledger.put(Self.change(1))
        #expect(throws: Refusal.self) { try Self.found(in: ledger, method: method, words) }
    }

    @Test func `remembers the latest changes and forgets the oldest`() {
        var ledger = Ledger()
        for number in 0..<Ledger.changesKept + 5 {
            ledger.put(Self.change(UInt8(number / 256), key: "\(number)"))
        }
        #expect(ledger.changes.count == Ledger.changesKept)
        #expect(ledger.changes.first?.key == "5" && ledger.changes.last?.key == "\(Ledger.changesKept + 4)")
    }

    @Test func `counts a lease until it is gone, ending or not`() throws {
        var story = Story()
        story.grant(1, by: 1, seconds: 100)
        story.grant(2, by: 2, seconds: 50)
        var ledger = Ledger()
        for lease in story.replayed().leases.values { ledger.put(lease) }
        var ending = try #require(ledger.leases[Story.lease(2)])
        ending.state = .ending
        ledger.put(ending)
        #expect(ledger.use.count == 2)
        #expect(ledger.use.allSatisfy { $0.user == Story.alice && $0.groups == [GroupID(3001)] })
        ledger.remove(ending.id)
        ledger.remove(Story.lease(9))
        #expect(ledger.use.count == 1)
        #expect(ledger.lease(on: ending.seat) == nil)
        #expect(ledger.lease(on: Lease.Seat(gpu: Story.gpu, gi: GPUInstanceID(1)))?.id == Story.lease(1))
    }

    @Test(arguments: [1, 60, TimeSpan.longest.seconds]) func `renews a lease from now`(_ seconds: Int) throws {
        let lease = try #require(Self.lease(deadline: Clock.boottime() - 1))
        let before = Clock.boottime()
        let renewed = lease.renewed(for: TimeSpan(seconds: seconds))
        #expect((before...Clock.boottime()).contains(renewed.deadline - Int64(seconds) * 1_000_000_000))
        #expect(renewed.expires > lease.expires && renewed.renewals == 1)
    }

    @Test func `makes no lease shorter by renewing it, and counts that too`() throws {
        let lease = try #require(Self.lease(deadline: Clock.boottime() + 3600 * 1_000_000_000))
        let renewed = lease.renewed(for: TimeSpan(seconds: 60))
        #expect(renewed.deadline == lease.deadline && renewed.expires == lease.expires && renewed.renewals == 1)
    }

    private static func lease(deadline: Int64) -> Lease? {
        var story = Story()
        story.wall = 1_000_000_000
        story.grant(1, by: 1, seconds: 1)
        var lease = story.replayed().leases[Story.lease(1)]
        lease?.deadline = deadline
        return lease
    }
}
