import Glibc
package import Linux
import Synchronization

/// A journal for one test: a socket at a path, and what came there, taken apart by the letter of the protocol.
package final class JournalStandIn: Sendable {
    /// One message, field by field in the order in which they came.
    package struct Entry: Sendable, Hashable {
        package let fields: [(name: String, value: [UInt8])]

        package static func == (a: Entry, b: Entry) -> Bool {
            a.fields.elementsEqual(b.fields) { $0.name == $1.name && $0.value == $1.value }
        }
        package func hash(into hasher: inout Hasher) {
            for (name, value) in fields {
                hasher.combine(name)
                hasher.combine(value)
            }
        }

        /// The values of one name.
        package func all(_ name: String) -> [String] {
            fields.filter { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
        }
        /// The only value of a name.
        package subscript(_ name: String) -> String? { all(name).count == 1 ? all(name)[0] : nil }
        package var seq: Int64? { self["MIGBROKER_SEQ"].flatMap { Int64($0) } }
        package var type: String? { self["MIGBROKER_TYPE"] }
    }

    package struct Malformed: Error {
        package let bytes: [UInt8]
    }

    private let raw: CInt
    private let path: String

    /// Makes the socket, which takes as many messages as the kernel lets wait.
    package init(at path: String) throws(SystemError) {
        raw = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.path = path
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        let code = errno
        guard raw >= 0, result == 0 else { throw SystemError("bind", Errno(rawValue: code), path) }
    }

    deinit {
        close(raw)
        unlink(path)
    }

    /// The next message, if one comes in this time.
    package func next(milliseconds: Int = 20_000) throws(Malformed) -> Entry? {
        var request = pollfd(fd: raw, events: Int16(POLLIN), revents: 0)
        guard poll(&request, 1, CInt(milliseconds)) > 0 else { return nil }
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        let count = recv(raw, &buffer, buffer.count, 0)
        guard count >= 0 else { return nil }
        return try Self.parse(Array(buffer[..<count]))
    }

    /// What is waiting now.
    package func waiting() throws(Malformed) -> [Entry] {
        var entries: [Entry] = []
        while let entry = try next(milliseconds: 0) { entries.append(entry) }
        return entries
    }

    /// What comes up to the message that is looked for, with it; or until nothing comes any more.
    package func entries(until isLast: (Entry) -> Bool) throws(Malformed) -> [Entry] {
        var entries: [Entry] = []
        while let entry = try next() {
            entries.append(entry)
            if isLast(entry) { return entries }
        }
        return entries
    }

    /// Reads one message: `NAME=value` or `NAME`, a length of eight bytes and a value, each with its line feed.
    package static func parse(_ bytes: [UInt8]) throws(Malformed) -> Entry {
        var fields: [(String, [UInt8])] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let name = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "\n") }
            rest = rest.dropFirst(name.count)
            let isName = name.allSatisfy { (65...90).contains($0) || (48...57).contains($0) || $0 == 95 }
            guard isName, (1...64).contains(name.count), name.first != 95, let separator = rest.popFirst() else {
                throw Malformed(bytes: bytes)
            }
            let value: ArraySlice<UInt8>
            if separator == UInt8(ascii: "=") {
                value = rest.prefix { $0 != UInt8(ascii: "\n") }
            } else {
                let length = rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                rest = rest.dropFirst(8)
                guard length <= UInt64(rest.count) else { throw Malformed(bytes: bytes) }
                value = rest.prefix(Int(length))
            }
            rest = rest.dropFirst(value.count)
            guard rest.popFirst() == UInt8(ascii: "\n") else { throw Malformed(bytes: bytes) }
            fields.append((String(decoding: name, as: UTF8.self), Array(value)))
        }
        return Entry(fields: fields)
    }
}

/// A journal that reads what comes, on a thread of its own, as a real one does.
package final class JournalReader: Sendable {
    private let reading = Reading()

    /// Makes the socket and starts to read.
    package init(at path: String) throws(SystemError) {
        let journal = try JournalStandIn(at: path)
        let reading = reading
        let thread = try Thread(named: "journal reader") { reading.run(journal) }
        thread.detach()
    }

    deinit { reading.ask() }

    /// All that came; the socket is of no use then.
    package func finish() throws(JournalStandIn.Malformed) -> [JournalStandIn.Entry] { try reading.finish() }

    private final class Reading: Sendable {
        private struct State {
            var entries: [JournalStandIn.Entry] = []
            var malformed: JournalStandIn.Malformed?
            var isAsked = false
            var isOver = false
        }

        private let state = Mutex(State())
        private let change = Condition()

        func ask() { state.withLock { $0.isAsked = true } }

        func run(_ journal: JournalStandIn) {
            var isAsked = false
            while !isAsked {
                // Asked before the last look: what was sent by then is seen by it.
                isAsked = state.withLock { $0.isAsked }
                do throws(JournalStandIn.Malformed) {
                    while let entry = try journal.next(milliseconds: isAsked ? 0 : 20) {
                        state.withLock { $0.entries.append(entry) }
                    }
                } catch {
                    state.withLock { $0.malformed = error }
                }
            }
            state.withLock { $0.isOver = true }
            change.signalAll()
        }

        func finish() throws(JournalStandIn.Malformed) -> [JournalStandIn.Entry] {
            ask()
            while true {
                let ticket = change.ticket()
                let (isOver, entries, malformed) = state.withLock { ($0.isOver, $0.entries, $0.malformed) }
                if let malformed { throw malformed }
                if isOver { return entries }
                _ = change.wait(after: ticket, until: nil)
            }
        }
    }
}
