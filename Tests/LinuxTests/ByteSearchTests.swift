import Linux
import Testing

struct ByteSearchTests {
    /// The first place, found the long way.
    private func place(of needle: [UInt8], in text: [UInt8], _ range: Range<Int>) -> Int? {
        guard !needle.isEmpty, needle.count <= range.count else { return nil }
        return (range.lowerBound...range.upperBound - needle.count).first {
            text[$0..<$0 + needle.count] == needle[...]
        }
    }

    @Test func `a needle is found where it first lies whole in the range, for all lengths and places`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            // Few kinds of bytes, so that much looks like the needle and is not.
            let kinds = Array("ab\"x".utf8)
            let text = (0..<Int.random(in: 0...90)).map { _ in kinds.randomElement(using: &random) ?? 0 }
            let needle = (0..<Int.random(in: 0...6)).map { _ in kinds.randomElement(using: &random) ?? 0 }
            let start = Int.random(in: 0...text.count)
            let range = start..<Int.random(in: start...text.count)
            #expect(ByteNeedle(needle).first(in: text, range) == place(of: needle, in: text, range))
            #expect(ByteSearch.first(needle, in: text, range) == place(of: needle, in: text, range))
        }
    }

    @Test func `a needle that ends with the text is found, one that ends after it is not`() {
        let text = Array((String(repeating: ".", count: 100) + "\"user\":\"alice\"").utf8)
        let needle = ByteNeedle(Array("\"user\":\"alice\"".utf8))
        #expect(needle.first(in: text, 0..<text.count) == 100)
        #expect(needle.first(in: text, 0..<text.count - 1) == nil)
        #expect(needle.first(in: text, 101..<text.count) == nil)
        #expect(needle.first(in: text, 100..<text.count) == 100)
        #expect(ByteNeedle(Array("x".utf8)).first(in: [], 0..<0) == nil)
        #expect(ByteNeedle([]).first(in: text, 0..<text.count) == nil)
    }

    @Test func `the first and the last of a byte are found in the range alone`() {
        let text = Array("a,b,c,d".utf8)
        #expect(ByteSearch.first(UInt8(ascii: ","), in: text, 2..<7) == 3)
        #expect(ByteSearch.last(UInt8(ascii: ","), in: text, 0..<7) == 5)
        #expect(ByteSearch.last(UInt8(ascii: ","), in: text, 0..<5) == 3)
        #expect(ByteSearch.last(UInt8(ascii: ","), in: text, 4..<5) == nil)
        #expect(ByteSearch.first(UInt8(ascii: ","), in: text, 7..<7) == nil)
    }

    @Test func `a range outside the text is refused`() async {
        await #expect(processExitsWith: .failure) {
            _ = ByteNeedle([1]).first(in: [1, 2, 3], 2..<4)
        }
    }
}
