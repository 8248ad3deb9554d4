/// Cuts the bytes of a stream into messages at their NULs, and never holds more than one longest message.
struct MessageBuffer {
    private var bytes: [UInt8] = []
    private var start = 0
    /// Everything before this has been searched for the NUL.
    private var scanned = 0
    /// Of the NUL that ends the first message.
    private var end: Int?
    private let capacity: Int

    /// - Parameter longest: bytes of the longest message, its NUL not counted.
    init(longest: Int) { capacity = longest + 1 }

    var isEmpty: Bool { start == bytes.count }
    var hasMessage: Bool { end != nil }
    /// How many bytes may be appended; never 0 with less than a longest message in it.
    var room: Int { capacity - (bytes.count - start) }
    /// Whether the first message is longer than it may be.
    var isOverlong: Bool { room == 0 && !hasMessage }

    /// Appends at most `room` bytes.
    mutating func append(_ part: ArraySlice<UInt8>) {
        precondition(part.count <= room, "no more is received than there is room for")
        if start > 0, bytes.count + part.count > capacity { compact() }
        bytes.append(contentsOf: part)
        scan()
    }

    /// Takes out the first message, without its NUL.
    mutating func takeMessage() -> [UInt8]? {
        guard let end else { return nil }
        let message = Array(bytes[start..<end])
        start = end + 1
        scanned = start
        self.end = nil
        if start == bytes.count { compact() } else { scan() }
        return message
    }

    private mutating func compact() {
        bytes.removeFirst(start)
        scanned -= start
        end = end.map { $0 - start }
        start = 0
    }

    private mutating func scan() {
        guard end == nil else { return }
        end = bytes[scanned...].firstIndex(of: 0)
        scanned = end ?? bytes.count
    }
}
