import Linux
import TestSupport
import Testing

@Suite("Mailboxes between threads")
struct MailboxTests {
    @Test func `messages arrive in order across threads`() throws {
        let box = Mailbox<Int>(capacity: 10_000)
        let sender = try Thread(named: "sender") { for number in 0..<10_000 { _ = box.send(number) } }
        var received: [Int] = []
        while received.count < 10_000, let message = box.receive(milliseconds: 10_000) { received.append(message) }
        sender.join()
        #expect(received == Array(0..<10_000))
    }

    @Test func `a full or closed mailbox takes nothing`() {
        let box = Mailbox<Int>(capacity: 1)
        #expect(box.send(1))
        #expect(!box.send(2))
        box.close()
        #expect(box.receive() == 1)
        #expect(!box.send(3))
        #expect(box.receive() == nil)
    }

    @Test func `waiting ends with the time or with the close`() throws {
        let box = Mailbox<Int>(capacity: 1)
        #expect(box.receive(milliseconds: 1) == nil)
        let closer = try Thread(named: "closer") { box.close() }
        #expect(box.receive() == nil)
        closer.join()
    }
}
