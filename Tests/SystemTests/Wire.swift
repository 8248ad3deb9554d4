import API
import JSON
import Linux
import MIG
import TestSupport

/// What came of bytes that were sent to the daemon on a connection of their own.
enum WireAnswer: Equatable, CustomStringConvertible {
    case reply(JSONValue)
    /// The error's name, without the interface where it is the broker's own.
    case error(String, JSONValue)
    case closed
    /// Nothing in the time that was given.
    case silence

    init(_ line: String) throws {
        switch line {
        case "closed": self = .closed
        case "silence": self = .silence
        default:
            let value = try JSONParser.parse(Hex.bytes(of: line) ?? [], limits: .reply)
            let parameters = value["parameters"] ?? .object([])
            self = value["error"]?.stringValue.map { .error(Self.word($0), parameters) } ?? .reply(parameters)
        }
    }

    /// The word of the error, or nil where there was none.
    var error: String? {
        if case .error(let word, _) = self { word } else { nil }
    }

    /// The parameter that `InvalidParameter` names.
    var invalidParameter: String? {
        if case .error("org.varlink.service.InvalidParameter", let parameters) = self {
            parameters["parameter"]?.stringValue
        } else {
            nil
        }
    }

    var reply: JSONValue? {
        if case .reply(let value) = self { value } else { nil }
    }

    var description: String {
        switch self {
        case .reply(let value): "reply \(value.text().prefix(400))"
        case .error(let word, let parameters): "\(word) \(parameters.text().prefix(400))"
        case .closed: "closed"
        case .silence: "silence"
        }
    }

    private static func word(_ name: String) -> String {
        let prefix = BrokerInterface.qualified("")
        return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
    }
}

extension Stage {
    var socket: String { "\(broker)/run/migbroker/io.migbroker.Broker" }

    /// The bytes of a call with the parameters as they are written, which may be no JSON at all.
    static func call(_ method: String, _ parameters: String = "{}", _ more: String = "") -> [UInt8] {
        let name = method.contains(".") ? method : BrokerInterface.qualified(method)
        return Array(#"{"method":"\#(name)","parameters":\#(parameters)\#(more)}"#.utf8) + [0]
    }

    /// Sends each message on a connection of its own, as a person, and waits for one answer each.
    func exchange(_ messages: [[UInt8]], as person: Person, seconds: Int = 5) throws -> [WireAnswer] {
        let script = """
            import socket, sys
            for line in sys.stdin:
                s = socket.socket(socket.AF_UNIX); s.settimeout(float(sys.argv[2])); s.connect(sys.argv[1])
                answer = b""; end = "closed"
                try:
                    s.sendall(bytes.fromhex(line))
                    while not answer.endswith(b"\\0"):
                        part = s.recv(65536)
                        if not part: break
                        answer += part
                except (BrokenPipeError, ConnectionResetError): pass
                except TimeoutError: end = "silence"
                print(answer[:-1].hex() if answer else end)
            """
        let ran = try run(
            ["python3", "-c", script, socket, "\(seconds)"], as: person,
            input: messages.map { Hex.text(of: $0) + "\n" }.joined(), seconds: 120)
        guard ran.code == 0 else { throw StageError(what: ran.errors) }
        let answers = try ran.output.split(separator: "\n").map { try WireAnswer(String($0)) }
        guard answers.count == messages.count else { throw StageError(what: "\(answers.count) answers") }
        return answers
    }

    func exchange(_ message: [UInt8], as person: Person, seconds: Int = 5) throws -> WireAnswer {
        try exchange([message], as: person, seconds: seconds)[0]
    }

    /// Whether the daemon answers as ever and no instance was made; what every test of bad input ends with.
    func isUnharmed() throws -> Bool {
        try migctl(["whoami"], as: Stage.alice).code == 0 && machine().instances == 0
    }

    /// The audit log's records, as the files have them.
    func records() throws -> [JSONValue] {
        let names = try Files.list(auditDirectory).filter { $0.hasSuffix(".jsonl") }.sorted()
        return try names.flatMap { name in
            try Files.read("\(auditDirectory)/\(name)", limit: 64 << 20).split(separator: UInt8(ascii: "\n")).map {
                try JSONParser.parse(Array($0), limits: .record)
            }
        }
    }

    /// The records of one type.
    func records(_ type: String) throws -> [JSONValue] { try records().filter { $0["type"]?.stringValue == type } }
}

/// A method as the interface's own text declares it.
struct InterfaceMethod: Sendable {
    struct Field: Sendable, Hashable {
        let name: String
        /// As written, without the mark that it may be left out.
        let type: String
        let isRequired: Bool
    }

    let name: String
    let fields: [Field]

    /// All of `BrokerInterface.description`.
    static let all: [InterfaceMethod] = {
        let lines = BrokerInterface.description.split(separator: "\n").filter { !$0.hasPrefix("#") }
        return lines.joined(separator: "\n").split(separator: "\nmethod ").dropFirst().map { text in
            let head = text.prefix { $0 != "(" }
            let inside = text.dropFirst(head.count + 1).prefix { $0 != ")" }
            return InterfaceMethod(name: String(head), fields: inside.split(separator: ",").map(field))
        }
    }()

    static func named(_ name: String) -> InterfaceMethod? { all.first { $0.name == name } }

    /// Parameters that the daemon takes, as far as a call needs any to be taken at all.
    var valid: [String: String] {
        switch name {
        case "Request": ["profiles": #"["1g.5gb"]"#]
        case "Renew": ["lease": "\"\(String(repeating: "0", count: 32))\""]
        case "Release": ["leases": "[\"\(String(repeating: "0", count: 32))\"]"]
        case "GetOperation": ["operation": "\"\(String(repeating: "0", count: 32))\""]
        case "Explain": ["action": #""request""#]
        case "ExplainRecord": ["seq": "1"]
        case "CreateGPUInstances": ["profiles": #"["1g.5gb"]"#]
        case "DestroyGPUInstances", "CreateComputeInstances": ["instances": #"[{"gpu":"0","gi":0}]"#]
        case "DestroyComputeInstances": ["computeInstances": #"[{"gpu":"0","gi":0,"ci":0}]"#]
        case "SetMIGMode": ["enabled": "true"]
        default: [:]
        }
    }

    /// The bytes of a call with valid parameters, but these.
    func call(_ changed: [String: String] = [:], _ more: String = "") -> [UInt8] {
        var parameters = valid
        if changed["memoryMiB"] != nil || changed["multiprocessors"] != nil { parameters["profiles"] = nil }
        parameters.merge(changed) { _, new in new }
        let members = parameters.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
        return Stage.call(name, "{\(members.joined(separator: ","))}", more)
    }

    private static func field(_ text: Substring) -> Field {
        let parts = text.split(separator: ":").map { $0.filter { !" \n".contains($0) } }
        let isRequired = !parts[1].hasPrefix("?")
        return Field(name: parts[0], type: isRequired ? parts[1] : String(parts[1].dropFirst()), isRequired: isRequired)
    }
}
