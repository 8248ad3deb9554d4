/// A set of positions in a list, as bits: filled in any order, read in ascending order.
struct PositionSet {
    private var words: [UInt64]

    init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

    var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Inserts what stands in a part of a list; a slice of it would be counted as one more owner of the list.
    mutating func insert(_ positions: [Int], in part: Range<Int>) {
        for index in part { insert(positions[index]) }
    }

    mutating func insert(_ position: Int) { words[position / 64] |= 1 << UInt64(position % 64) }

    mutating func formUnion(_ other: PositionSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    /// Keeps the room, so that the set can be filled again without asking for memory.
    mutating func removeAll() {
        for index in words.indices { words[index] = 0 }
    }

    /// Calls `body` with each position, lowest first.
    func forEach(_ body: (Int) -> Void) {
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                body(index * 64 + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
    }
}
