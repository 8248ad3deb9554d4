import API
import JSON
import Testing
import Varlink

/// Whether a value is what the interface's text declares.
enum Conformance {
    private typealias Field = InterfaceText.Field

    /// What is wrong with an object, by the path of each field.
    static func problems(_ value: JSONValue, _ fields: [InterfaceText.Field], at path: String = "") -> [String] {
        let members = value.objectValue ?? []
        var problems: [String] = []
        for member in members where !fields.contains(where: { $0.name.hasBytes(of: member.key) }) {
            problems.append("\(path)\(member.key) is not declared")
        }
        for field in fields {
            guard let value = value[field.name] else {
                if !field.isOptional { problems.append("\(path)\(field.name) is declared and not written") }
                continue
            }
            problems += self.problems(of: value, field, at: "\(path)\(field.name)")
        }
        return problems
    }

    static func accepts(_ value: JSONValue, _ field: InterfaceText.Field) -> Bool {
        problems(of: value, field, at: "").isEmpty
    }

    private static func problems(of value: JSONValue, _ field: Field, at path: String) -> [String] {
        guard field.isArray else { return problems(ofOne: value, field.type, at: path) }
        guard let elements = value.arrayValue else { return ["\(path) is no array"] }
        return elements.flatMap { problems(ofOne: $0, field.type, at: path) }
    }

    private static func problems(ofOne value: JSONValue, _ type: String, at path: String) -> [String] {
        let isRight: Bool
        switch type {
        case "int": isRight = value.integerValue != nil
        case "string": isRight = value.stringValue != nil
        case "bool": isRight = value.boolValue != nil
        case "object": isRight = value.objectValue != nil
        default:
            guard let fields = InterfaceText.broker.types[type] else { return ["\(path): no type \(type)"] }
            guard value.objectValue != nil else { return ["\(path) is no \(type)"] }
            return problems(value, fields, at: "\(path).")
        }
        return isRight ? [] : ["\(path) is no \(type)"]
    }
}

@Suite("The interface's text")
struct InterfaceTests {
    private static let text = InterfaceText.broker

    @Test(arguments: Sample.all) func `declares each field that is written, and no other`(_ sample: Sample) throws {
        let fields = try #require(sample.declared, "\(sample.place) is not declared")
        #expect(Conformance.problems(sample.full, fields) == [])
        #expect(Conformance.problems(sample.least, fields) == [])
        #expect(Set(fields.map(\.name)) == Set((sample.full.objectValue ?? []).map(\.key)))
        let needed = fields.filter { !$0.isOptional }.map(\.name)
        #expect(Set(needed) == Set((sample.least.objectValue ?? []).map(\.key)))
    }

    @Test func `is covered by the samples whole`() {
        let places = Set(Sample.all.map(\.place))
        #expect(Set(Self.text.types.keys.map { Sample.Place.type($0) }).isSubset(of: places))
        for (method, fields) in Self.text.parameters where !fields.isEmpty {
            #expect(places.contains(.parameters(of: method)), "\(method)")
        }
        // Its records are objects of the audit log's own format.
        for method in Self.text.replies.keys where method != "QueryAudit" {
            #expect(places.contains(.reply(of: method)), "\(method)")
        }
    }

    @Test(arguments: ErrorSample.all) func `declares each error with its fields`(_ error: ErrorSample) throws {
        let fields = try #require(Self.text.errors[error.error.word], "\(error.error.word) is not declared")
        #expect(Conformance.problems(error.error.parameters, fields) == [])
        #expect(fields.map(\.name) == (error.error.parameters.objectValue ?? []).map(\.key))
        let message = try #require(error.error.parameters["message"]?.stringValue)
        #expect(message.hasBytes(of: error.error.message) && !message.isEmpty && !message.hasSuffix("."))
        for word in error.words { #expect(message.contains(word), "\(message)") }
    }

    @Test func `declares no error that is never given`() {
        #expect(Set(Self.text.errors.keys) == Set(ErrorSample.all.map(\.error.word)))
    }

    @Test func `is served by the server as one interface of that name`() {
        let interface = VarlinkInterface(BrokerInterface.description)
        #expect(interface.name == BrokerInterface.name)
        for method in Self.text.parameters.keys { #expect(interface.declares(method)) }
        for name in ["listGPUs", "ListGPU", "", "List", "Request ", "type", "GPU", "NotFound"] {
            #expect(!interface.declares(name), "\(name)")
        }
    }

    @Test func `names are of the grammar's form, and comments stand before members only`() {
        for name in [Self.text.types, Self.text.parameters, Self.text.errors].flatMap(\.keys) {
            #expect(name.first?.isUppercase == true && name.allSatisfy { $0.isLetter || $0.isNumber }, "\(name)")
        }
        let all = [Self.text.types, Self.text.parameters, Self.text.replies, Self.text.errors].flatMap(\.values)
        for field in all.joined() {
            #expect(field.name.first?.isLowercase == true && field.name.allSatisfy(\.isLetter), "\(field.name)")
        }
        let lines = BrokerInterface.description.split(separator: "\n", omittingEmptySubsequences: false)
        for line in lines where line.contains("#") { #expect(line.hasPrefix("#"), "\(line)") }
        #expect(!BrokerInterface.description.contains("\r") && !BrokerInterface.description.contains("\t"))
    }
}

/// One refusal of each kind, and what its sentence must say to a person.
struct ErrorSample: Sendable, CustomTestStringConvertible {
    let error: BrokerError
    let words: [String]

    init(_ error: BrokerError, _ words: String...) {
        self.error = error
        self.words = words
    }

    var testDescription: String { error.word }

    static let all: [ErrorSample] = [
        ErrorSample(.notAuthorized(action: "request", reason: "no rule allows it", rules: ["a"]), "no rule allows it"),
        ErrorSample(.identityUnavailable(reason: "no answer"), "identity", "no answer"),
        ErrorSample(
            .quotaExceeded(limit: "each", dimension: "slices", used: 3, asked: 2, maximum: 4), "each", "3", "2", "4"),
        ErrorSample(
            .quotaExceeded(limit: "each", dimension: "leaseMax", used: 0, asked: 90, maximum: 60), "each", "90", "60"),
        ErrorSample(
            .quotaExceeded(limit: "each", dimension: "renewals", used: 3, asked: 1, maximum: 3), "each", "3 renewals"),
        ErrorSample(.tooManyRequests, "too many"),
        ErrorSample(
            .noRoom(profiles: ["1g.5gb", "2g.10gb"], gpus: [], instance: "0:1"), "1g.5gb + 2g.10gb",
            "in GPU instance 0:1"),
        ErrorSample(.inUse(what: "lease 00", reason: "a process"), "lease 00", "a process"),
        ErrorSample(.pendingReset(gpu: "1"), "GPU 1", "reset"),
        ErrorSample(.migDisabled(gpus: ["0", "1"]), "0, 1"),
        ErrorSample(.migUnsupported(gpus: ["0", "1"]), "0, 1", "no MIG"),
        ErrorSample(.planChanged, "moved", "nothing was done"),
        ErrorSample(
            .deviceGateClosed(node: "/dev/nvidia-caps/nvidia-cap3", problem: "is missing", fix: "make it"),
            "nvidia-cap3 is missing"),
        ErrorSample(.auditUnavailable(reason: "disk full"), "audit log", "disk full"),
        ErrorSample(.notFound(what: "lease", name: "00"), "no such lease: 00"),
        ErrorSample(.ambiguous(what: "profile", name: "19", candidates: ["a", "b"]), "19", "a, b"),
        ErrorSample(.driverUnavailable(reason: "not loaded"), "not loaded"),
        ErrorSample(.driverError(call: "nvmlInit", code: 9, name: "not loaded"), "nvmlInit", "9", "not loaded"),
        ErrorSample(
            .policyInvalid([
                DiagnosticInfo(file: "/p.json", line: 3, column: 5, severity: "error", message: "unknown key")
            ]), "/p.json:3:5: unknown key"),
        ErrorSample(.policyInvalid([]), "not valid"),
    ]
}
