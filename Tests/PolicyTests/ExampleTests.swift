import JSON
import Linux
import MIG
import TestSupport
import Testing

@testable import Policy

/// The examples with any byte of them changed: refused, or decided about as the second implementation does.
@Suite(.enabled(if: Reference.isThere, "needs python3")) struct ExampleTests {
    private static let directory = Files.parent(of: Files.parent(of: Files.parent(of: #filePath))) + "/policy/examples"

    static let names: [String] =
        (try? Files.list(directory))?.filter { $0.hasSuffix(".cases.json") }.map { String($0.dropLast(11)) } ?? []

    /// Every byte in a campaign, one in seven otherwise.
    private static let step = CurrentProcess.environment("MIGBROKER_DECISIONS") == nil ? 7 : 1

    @Test(arguments: names)
    func `with a byte changed it is refused, or means to both what it says`(name: String) throws {
        let file = PolicyFile(
            path: "c", bytes: try Files.read("\(Self.directory)/\(name).cases.json"))
        let cases = try PolicyCases(file)
        let known = try JSONParser.parse(file.bytes, limits: .policy)
        // The one name that is the system's.
        let users = (known["users"]?.objectValue ?? []) + [JSONValue.Member("root", 0)]
        let names: JSONValue = ["users": .object(users), "groups": known["groups"] ?? .object([])]
        let gpus = Set(cases.cases.flatMap(\.query.target.gpus)).sorted { $0.index < $1.index }
        #expect(gpus.map(\.index) == Array(gpus.indices))
        let frame = JSONValue.array(
            gpus.map { gpu in
                [
                    "index": .integer(gpu.index), "uuid": .string(gpu.uuid.description),
                    "pci": .string(gpu.pci.description), "name": .string(gpu.name),
                ]
            })
        let questions = JSONValue.array(cases.cases.map { $0.query.json(use: $0.use, now: $0.now) })

        let whole = try Files.read("\(Self.directory)/\(name).json")
        var random = SplitMix64(seed: UInt64(whole.count))
        var input: [UInt8] = []
        var answers: [String] = []
        var refused = 0
        for index in stride(from: Int.random(in: 0..<Self.step, using: &random), to: whole.count, by: Self.step) {
            var bytes = whole
            repeat { bytes[index] = UInt8.random(in: 9..<128, using: &random) } while bytes[index] == whole[index]
            guard let policy = try? PolicySet.load([PolicyFile(path: "p", bytes: bytes)], names: cases.names) else {
                refused += 1
                continue
            }
            for one in cases.cases { answers.append(policy.decide(one.query, use: one.use, now: one.now).line(gpus)) }
            let text = JSONValue.string(String(decoding: bytes, as: UTF8.self))
            let line: JSONValue = ["text": text, "names": names, "gpus": frame, "questions": questions]
            input += line.bytes(asciiOnly: true) + [UInt8(ascii: "\n")]
        }
        let expected = try Reference.answers(to: input)
        try #require(expected.count == answers.count)
        let differing = zip(answers, expected).filter { $0 != $1 }
        #expect(differing.isEmpty, "\(differing.count) of \(answers.count): \(differing.prefix(3))")
        #expect(refused > 0 && !answers.isEmpty && Set(answers).count > cases.cases.count)
    }
}

extension Target {
    fileprivate var gpus: [GPU] {
        switch self {
        case .broker: []
        case .gpus(let gpus): gpus
        case .instances(let demands): demands.flatMap(\.candidates)
        }
    }
}
