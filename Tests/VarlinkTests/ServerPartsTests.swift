import MIG
import Testing

@testable import Varlink

/// The small parts of the server, each alone.
@Suite struct MessageBufferTests {
    @Test func `messages are cut at their NULs however the bytes come`() {
        let text = Array("one\u{0}\u{0}three\u{0}".utf8)
        for size in 1...text.count {
            var buffer = MessageBuffer(longest: 100)
            var messages: [String] = []
            for start in stride(from: 0, to: text.count, by: size) {
                buffer.append(text[start..<min(start + size, text.count)])
                while let message = buffer.takeMessage() { messages.append(String(decoding: message, as: UTF8.self)) }
            }
            #expect(messages == ["one", "", "three"])
            #expect(buffer.isEmpty && !buffer.hasMessage)
        }
    }

    @Test func `a message of the longest length fits and one more byte is seen`() {
        var buffer = MessageBuffer(longest: 4)
        buffer.append([1, 2, 3, 4])
        #expect(buffer.room == 1 && !buffer.isOverlong)
        var longer = buffer
        longer.append([5])
        #expect(longer.isOverlong && longer.takeMessage() == nil)
        buffer.append([0])
        #expect(!buffer.isOverlong)
        let message = buffer.takeMessage()
        #expect(message == [1, 2, 3, 4])
        #expect(buffer.room == 5)
    }

    @Test func `room grows as messages are taken`() {
        var buffer = MessageBuffer(longest: 5)
        for _ in 0..<1000 {
            buffer.append([1, 0, 2])
            let first = buffer.takeMessage()
            #expect(first == [1])
            #expect(buffer.room == 5)
            buffer.append([0, 3, 4, 0])
            let second = buffer.takeMessage()
            let third = buffer.takeMessage()
            #expect(second == [2] && third == [3, 4])
        }
    }
}

@Suite struct FairQueueTests {
    @Test func `users are served in turn, each in the order he came`() {
        var queue = FairQueue<String>()
        for item in ["a1", "a2", "a3", "a4"] { queue.push(item, for: UserID(1)) }
        for item in ["b1", "b2"] { queue.push(item, for: UserID(2)) }
        queue.push("c1", for: UserID(3))
        var order: [String] = []
        while let item = queue.pop() { order.append(item) }
        #expect(order == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"])
        #expect(queue.isEmpty)
    }

    @Test func `a user who floods waits for himself only`() {
        var queue = FairQueue<Int>()
        for item in 0..<1000 { queue.push(item, for: UserID(1)) }
        for turn in 0..<100 {
            queue.push(-turn - 1, for: UserID(2))
            let next = [queue.pop(), queue.pop()]
            #expect(next.contains(-turn - 1))
        }
    }

    @Test func `a user who comes back at once comes behind all who wait`() {
        var queue = FairQueue<Int>()
        for user in 1...3 { queue.push(user, for: UserID(UInt32(user))) }
        var order: [Int] = []
        while order.count < 9, let user = queue.pop() {
            order.append(user)
            queue.push(user, for: UserID(UInt32(user)))
        }
        #expect(order == [1, 2, 3, 1, 2, 3, 1, 2, 3])
    }

    @Test func `what was begun comes before the same user's other items and behind other users'`() {
        var queue = FairQueue<String>()
        for item in ["a1", "a2", "a3"] { queue.push(item, for: UserID(1)) }
        queue.push("b1", for: UserID(2))
        var order: [String] = []
        while let item = queue.pop() {
            order.append(item)
            if item == "a1" || item == "b1" { queue.pushFirst("rest of \(item)", for: UserID(item == "a1" ? 1 : 2)) }
        }
        #expect(order == ["a1", "b1", "rest of a1", "rest of b1", "a2", "a3"])
        queue.pushFirst("c", for: UserID(3))
        #expect(queue.count(of: UserID(3)) == 1 && queue.count == 1)
    }

    @Test func `nothing is lost and nothing is served twice`() {
        var queue = FairQueue<Int>()
        var served: [Int] = []
        for item in 0..<10_000 {
            queue.push(item, for: UserID(UInt32(item * item % 7)))
            if item % 3 == 0, let next = queue.pop() { served.append(next) }
        }
        while let next = queue.pop() { served.append(next) }
        #expect(served.sorted() == Array(0..<10_000))
    }
}

@Suite struct ConnectionCountTests {
    static func bounds(_ all: Int, _ each: Int, _ root: Int) -> Bounds {
        var bounds = Bounds()
        (bounds.connections, bounds.connectionsPerUser, bounds.connectionsForRoot) = (all, each, root)
        return bounds
    }

    @Test func `one user has his share and leaves the rest to others`() {
        var count = ConnectionCount(bounds: Self.bounds(10, 2, 1))
        let results = (0..<3).map { _ in count.add(UserID(7)) }
        #expect(results == [true, true, false])
        let other = count.add(UserID(8))
        #expect(other && count.total == 3)
        count.remove(UserID(7))
        let again = count.add(UserID(7))
        #expect(again)
    }

    @Test func `the last connections are kept for root`() {
        var count = ConnectionCount(bounds: Self.bounds(5, 5, 2))
        let users = (1...4).map { count.add(UserID($0)) }
        #expect(users == [true, true, true, false])
        let roots = (0..<3).map { _ in count.add(.root) }
        #expect(roots == [true, true, false])
        count.remove(UserID(1))
        let freed = count.add(UserID(9))
        #expect(freed)
    }

    @Test func `root's connections do not use up everybody else's`() {
        var count = ConnectionCount(bounds: Self.bounds(5, 5, 2))
        let roots = (0..<2).map { _ in count.add(.root) }
        let users = (1...4).map { count.add(UserID($0)) }
        #expect(roots == [true, true] && users == [true, true, true, false])
    }

    @Test func `the numbers of the design hold`() {
        var count = ConnectionCount(bounds: Bounds())
        var granted = 0
        for user in 1...20 { for _ in 0..<40 where count.add(UserID(UInt32(user))) { granted += 1 } }
        #expect(granted == 240)
        let roots = (0..<40).filter { _ in count.add(.root) }.count
        #expect(roots == 16 && count.total == 256)
    }
}

@Suite struct TokenBucketTests {
    static let second: Int64 = 1_000_000_000

    @Test func `a burst is granted at once, then so many a second`() {
        var bucket = TokenBucket(perSecond: 20, burst: 40, now: 0)
        func taken(at now: Int64) -> Int { (0..<100).filter { _ in bucket.take(now: now) }.count }
        #expect(taken(at: 0) == 40)
        #expect(taken(at: Self.second / 20 - 1) == 0)
        #expect(taken(at: Self.second / 20) == 1)
        #expect(taken(at: Self.second) == 19)
        #expect(taken(at: 100 * Self.second) == 40)
    }

    @Test func `time that runs backwards or very far brings nothing unearned`() {
        var bucket = TokenBucket(perSecond: 1, burst: 1, now: 50 * Self.second)
        let results = [50, 49, 0, 50, 51, 51].map { bucket.take(now: $0 * Self.second) }
        #expect(results == [true, false, false, false, true, false])
        var far = TokenBucket(perSecond: 1_000_000_000, burst: 1_000_000_000, now: Int64.min / 2)
        let granted = far.take(now: Int64.max / 2)
        #expect(granted)
    }

    @Test func `each user has a bucket of his own`() {
        var rates = UserRates(perSecond: 1, burst: 2)
        let first = (0..<3).map { _ in rates.take(UserID(1), now: 0) }
        let second = rates.take(UserID(2), now: 0)
        #expect(first == [true, true, false] && second)
    }

    @Test func `users who have paid back are forgotten, the others are not`() {
        var rates = UserRates(perSecond: 1, burst: 1)
        for user in 0..<10_000 { _ = rates.take(UserID(UInt32(user)), now: Int64(user) * Self.second) }
        #expect(rates.count < 130)
        var busy = UserRates(perSecond: 1, burst: 1)
        for user in 0..<1000 { _ = busy.take(UserID(UInt32(user)), now: 0) }
        let again = (0..<1000).filter { busy.take(UserID(UInt32($0)), now: 0) }
        #expect(again.isEmpty && busy.count == 1000)
    }
}

@Suite struct VarlinkInterfaceTests {
    @Test func `the methods are those the text declares`() {
        let interface = VarlinkInterface(
            "# method Commented()\ninterface a.b-c.D\n\nmethod One() -> ()\n# x\nmethod Two (x: int) -> ()\n"
                + "  method Indented() -> ()\nerror Three ()\ntype Four (method: string)\n")
        #expect(interface.name == "a.b-c.D")
        #expect(interface.declares("One") && interface.declares("Two"))
        for other in ["Commented", "Indented", "Three", "Four", "", "one", "One ", "Two (x"] {
            #expect(!interface.declares(other))
        }
    }
}
