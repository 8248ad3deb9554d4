import Linux
import TestSupport
import Testing

@Suite("Messages for the journal")
struct JournalMessageTests {
    private func parsed(_ message: JournalMessage, atMost limit: Int = 1 << 20) throws -> JournalStandIn.Entry {
        let bytes = message.datagram(atMost: limit, mark: "CUT")
        #expect(bytes.count <= limit)
        return try JournalStandIn.parse(bytes)
    }

    @Test func `the bytes are those of the protocol`() {
        var message = JournalMessage()
        message.add("MESSAGE", "a = b")
        message.add("N", integer: 7)
        message.add("LEFT_OUT", nil)
        message.add("TEXT", "x\ny")
        let wanted = Array("MESSAGE=a = b\nN=7\nTEXT\n".utf8) + [3, 0, 0, 0, 0, 0, 0, 0] + Array("x\ny\n".utf8)
        #expect(message.datagram(atMost: 1000, mark: "CUT") == wanted)
    }

    @Test(arguments: [
        "\nPRIORITY=0", "a\nMESSAGE=b\n", "\n", "\n\n\n", "x\nPRIORITY\n\u{1}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}0\n",
        "=", "",
        "\u{0}", "\r\nPRIORITY=0", String(repeating: "\nA=1", count: 1000),
    ])
    func `no value can pass for a field`(value: String) throws {
        var message = JournalMessage()
        message.add("BEFORE", "1")
        message.add("VALUE", value)
        message.add("AFTER", "2")
        let entry = try parsed(message)
        #expect(entry.fields.map(\.name) == ["BEFORE", "VALUE", "AFTER"])
        #expect(entry["VALUE"].map { Array($0.utf8) } == Array(value.utf8))
    }

    @Test func `what is too long loses its last fields, and says how many`() throws {
        var message = JournalMessage()
        for index in 0..<20 { message.add("F\(index)", String(repeating: "x", count: 50)) }
        let whole = message.datagram(atMost: 1 << 20, mark: "CUT").count
        for limit in 100..<whole {
            let entry = try parsed(message, atMost: limit)
            let kept = entry.fields.dropLast()
            #expect(kept.map(\.name) == (0..<kept.count).map { "F\($0)" })
            #expect(entry["CUT"] == "\(20 - kept.count)")
        }
        #expect(try parsed(message, atMost: whole)["CUT"] == nil)
    }

    @Test(arguments: ["", "lower", "A B", "A=B", "A\nB", "É", String(repeating: "A", count: 65)])
    func `a name that the journal would drop is a mistake of the program`(name: String) async {
        await #expect(processExitsWith: .signal(4)) { [name] in
            var message = JournalMessage()
            message.add(name, "x")
        }
    }
}

@Suite("The way to the journal")
struct JournalSocketTests {
    @Test func `nobody there, somebody there, and somebody else there`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("socket")
        let socket = try JournalSocket(at: path)
        #expect(throws: SystemError("sendto", .notFound, path)) { try socket.send([65, 61, 66, 10]) }
        for _ in 0..<2 {
            let journal = try JournalStandIn(at: path)
            try socket.send(Array("A=1\n".utf8))
            #expect(try journal.next()?["A"] == "1")
        }
        #expect(throws: SystemError("sendto", .notFound, path)) { try socket.send([65, 61, 66, 10]) }
    }

    @Test func `a journal that does not read is not waited for`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("socket")
        let journal = try JournalStandIn(at: path)
        let socket = try JournalSocket(at: path)
        var sent = 0
        let refusal = #expect(throws: SystemError.self) {
            while sent < 10_000 {
                try socket.send(Array("N=\(sent)\n".utf8))
                sent += 1
            }
        }
        #expect(refusal?.code == .again)
        #expect(try journal.waiting().compactMap { $0["N"] } == (0..<sent).map(String.init))
    }

    @Test func `a message longer than the kernel takes is told apart`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("socket")
        let journal = try JournalStandIn(at: path)
        let socket = try JournalSocket(at: path)
        let long = Array("A=".utf8) + [UInt8](repeating: 65, count: 16 << 20) + [10]
        #expect(throws: SystemError("sendto", .messageTooLong, path)) { try socket.send(long) }
        #expect(try journal.waiting().isEmpty)
    }
}
