import MIG
import TestSupport
import Testing

@testable import Linux

@Suite("What the service that ends processes is asked and answers")
struct EnderMessageTests {
    private static let question = EnderQuestion(.terminate, 0x0102_0304, of: UserID(0xA0B0_C0D0))

    @Test func `a question is fixed to the byte`() {
        #expect(Self.question.bytes == [1, 2, 0, 0, 4, 3, 2, 1, 0xD0, 0xC0, 0xB0, 0xA0])
        #expect(EnderQuestion(Self.question.bytes) == Self.question)
        let negative = EnderQuestion(.hold, -1, of: UserID(2001))
        #expect(EnderQuestion(negative.bytes) == negative)
    }

    @Test(arguments: [(0, 0), (0, 2), (1, 0), (1, 5), (1, 255), (2, 1), (3, 1)])
    func `a question with another byte in its head is none`(_ index: Int, _ byte: UInt8) {
        var bytes = Self.question.bytes
        bytes[index] = byte
        #expect(EnderQuestion(bytes) == nil)
    }

    @Test(arguments: [0, 11, 13]) func `a question of another length is none`(_ length: Int) {
        #expect(EnderQuestion(Array((Self.question.bytes + [0]).prefix(length))) == nil)
    }

    @Test func `an answer comes back with its text`() {
        for answer in [
            EnderAnswer(error: nil), EnderAnswer(error: nil, command: "python3"), EnderAnswer(error: .gone),
            EnderAnswer(error: .notTheUsers), EnderAnswer(error: .untouchable), EnderAnswer(error: .notAllowed),
            EnderAnswer(error: .unreadable),
            EnderAnswer(error: nil, command: String(repeating: "x", count: 60)),
        ] {
            #expect(answer.bytes.count == EnderAnswer.length)
            #expect(EnderAnswer(answer.bytes) == answer)
        }
    }

    @Test func `a text that is too long is cut, and one that is no text does no harm`() throws {
        let long = try #require(EnderAnswer(EnderAnswer(error: nil, command: String(repeating: "€", count: 40)).bytes))
        #expect(long.command.utf8.count <= 64 && long.error == nil)
        var bytes = EnderAnswer(error: nil, command: "abc").bytes
        bytes[5] = 0xFF
        #expect(EnderAnswer(bytes)?.command == "a\u{FFFD}c")
    }

    @Test(arguments: [(0, 0), (0, 2), (1, 6), (2, 61), (2, 255), (3, 1), (63, 1), (7, 1)])
    func `an answer with another byte where it counts is none`(_ index: Int, _ byte: UInt8) {
        var bytes = EnderAnswer(error: nil, command: "abc").bytes
        bytes[index] = byte
        #expect(EnderAnswer(bytes) == nil)
    }

    @Test func `a signal is the one that its name says`() {
        #expect(EndingSignal.allCases.map(\.name) == ["TERM", "KILL"])
        #expect(EndingSignal.allCases.map(\.rawValue) == [15, 9])
        #expect(EndingSignal.allCases.map { EnderQuestion.Deed($0).signal } == EndingSignal.allCases)
        #expect(EnderQuestion.Deed.hold.signal == nil && EnderQuestion.Deed.drop.signal == nil)
    }
}
