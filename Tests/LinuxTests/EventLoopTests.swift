import Glibc
import Linux
import Testing

@Suite struct EventLoopTests {
    @Test func `a readable descriptor calls its handler until it is forgotten`() throws {
        let loop = try EventLoop()
        let pipe = try Pipe.make()
        let reading = FileDescriptor(owning: pipe.reading)
        let writing = FileDescriptor(owning: pipe.writing)
        let raw = reading.raw
        var heard: [UInt8] = []
        var token: EventLoop.Token?
        token = try loop.watch(reading, for: .read) { readiness in
            #expect(readiness.contains(.read))
            var byte: UInt8 = 0
            #expect(read(raw, &byte, 1) == 1)
            heard.append(byte)
            guard heard.count == 3 else { return }
            if let token { loop.forget(token) }
            _ = loop.schedule(at: Clock.monotonic() + 20_000_000) { loop.stop() }
        }
        try writing.write([1, 2, 3, 4])
        try loop.run()
        #expect(heard == [1, 2, 3])
    }

    @Test func `the end of the other side comes without being asked for`() throws {
        let loop = try EventLoop()
        let pipe = try Pipe.make()
        let reading = FileDescriptor(owning: pipe.reading)
        _ = try loop.watch(reading, for: []) { readiness in
            #expect(!readiness.isDisjoint(with: .hangUp))
            loop.stop()
        }
        close(pipe.writing)
        try loop.run()
    }

    @Test func `an event for a descriptor that another handler has forgotten is dropped`() throws {
        let loop = try EventLoop()
        let pipes = try (0..<2).map { _ in try Pipe.make() }
        var tokens: [EventLoop.Token] = []
        var calls = 0
        for pipe in pipes {
            let reading = FileDescriptor(owning: pipe.reading)
            try FileDescriptor(owning: dup(pipe.writing)).write([1])
            tokens.append(
                try loop.watch(reading, for: .read) { _ in
                    calls += 1
                    for token in tokens { loop.forget(token) }
                })
            _ = reading.release()
        }
        _ = loop.schedule(at: Clock.monotonic() + 20_000_000) { loop.stop() }
        try loop.run()
        #expect(calls == 1)
        for pipe in pipes {
            close(pipe.reading)
            close(pipe.writing)
        }
    }

    @Test func `interest can be changed`() throws {
        let loop = try EventLoop()
        let pipe = try Pipe.make()
        let reading = FileDescriptor(owning: pipe.reading)
        let writing = FileDescriptor(owning: pipe.writing)
        try writing.write([1])
        var calls = 0
        let token = try loop.watch(reading, for: []) { _ in
            calls += 1
            loop.stop()
        }
        _ = loop.schedule(at: Clock.monotonic() + 20_000_000) { loop.stop() }
        try loop.run()
        #expect(calls == 0)
        try loop.change(token, to: .read)
        try loop.run()
        #expect(calls == 1)
    }

    @Test func `timers fire once, in time, and not when taken back`() throws {
        let loop = try EventLoop()
        var fired: [String] = []
        let start = Clock.monotonic()
        _ = loop.schedule(at: start + 30_000_000) {
            fired.append("late")
            #expect(Clock.monotonic() >= start + 30_000_000)
            loop.stop()
        }
        let never = loop.schedule(at: start + 10_000_000) { fired.append("never") }
        _ = loop.schedule(at: start) {
            fired.append("early")
            loop.cancel(never)
        }
        try loop.run()
        #expect(fired == ["early", "late"])
    }

    @Test func `work that waits for its turn is done without waiting for the kernel`() throws {
        let loop = try EventLoop()
        var left = 1000
        loop.turn = {
            left -= 1
            if left == 0 { loop.stop() }
            return true
        }
        try loop.run()
        #expect(left == 0)
    }

    @Test func `messages of many threads all arrive, each thread's in order`() throws {
        let loop = try EventLoop()
        let queue = try LoopQueue<(thread: Int, number: Int)>()
        var next = [Int](repeating: 0, count: 8)
        _ = try queue.attach(to: loop) { message in
            #expect(next[message.thread] == message.number)
            next[message.thread] += 1
            if next.allSatisfy({ $0 == 5000 }) { loop.stop() }
        }
        for thread in 0..<8 {
            try Thread(named: "poster") {
                for number in 0..<5000 { queue.post((thread, number)) }
            }.detach()
        }
        try loop.run()
        #expect(next == [Int](repeating: 5000, count: 8))
    }

    @Test func `a message posted before the queue is attached is not lost`() throws {
        let loop = try EventLoop()
        let queue = try LoopQueue<Int>()
        queue.post(1)
        queue.post(2)
        var heard: [Int] = []
        _ = try queue.attach(to: loop) { message in
            heard.append(message)
            if heard.count == 2 { loop.stop() }
        }
        try loop.run()
        #expect(heard == [1, 2])
    }
}
