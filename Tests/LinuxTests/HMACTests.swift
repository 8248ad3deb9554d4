import MIG
import Testing

@testable import Linux

struct HMACTests {
    /// From RFC 4231, cases 1 to 4, 6 and 7.
    @Test(arguments: [
        (
            String(repeating: "0b", count: 20), "4869205468657265",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            String(repeating: "aa", count: 20), String(repeating: "dd", count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            "0102030405060708090a0b0c0d0e0f10111213141516171819", String(repeating: "cd", count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            String(repeating: "aa", count: 131),
            "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579"
                + "204669727374", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            String(repeating: "aa", count: 131),
            "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a65206b65"
                + "7920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579206e6565"
                + "647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520484d414320616c"
                + "676f726974686d2e", "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ])
    func `the examples of RFC 4231 come out`(key: String, message: String, code: String) throws {
        let key = try #require(Hex.bytes(of: key))
        let message = try #require(Hex.bytes(of: message))
        #expect(Hex.text(of: HMAC.code(key.span, message.span)) == code)
    }

    @Test func `a secret reads and writes itself, and anything else is none`() {
        let text = Array("00ff0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab".utf8)
        #expect(Secret(hex: text[...])?.hex == text)
        var upper = text
        upper[3] = UInt8(ascii: "F")
        for bad in [[], Array(text.dropLast()), text + text.prefix(1), upper] {
            #expect(Secret(hex: bad[...])?.hex == nil)
        }
    }

    @Test func `random secrets differ, and one that follows is not the one before`() {
        let secret = Secret.random()
        let next = HMAC.key(secret, "next")
        #expect(secret.hex != Secret.random().hex)
        #expect(next.hex != secret.hex)
        #expect(next.hex == HMAC.key(secret, "next").hex)
        #expect(next.hex != HMAC.key(secret, "other").hex)
    }
}
