import JSON
import Linux
import TestSupport
import Testing

/// Every field of every method, as the interface's own text declares them, with values that it cannot mean.
@Suite("Bad fields", .enabled(if: Stage.obstacle == nil, "\(Stage.obstacle ?? "")"), .serialized)
struct FieldInputTests {
    /// One method, one of its fields, one value as written, and what came of it.
    private struct Trial {
        let method: InterfaceMethod
        let field: InterfaceMethod.Field
        let value: String
        /// What could succeed is asked for as a dry run.
        var message: [UInt8] {
            let isOwnText = field.name == "name" || field.name == "key"
            return method.call([field.name: value].merging(isOwnText ? ["dryRun": "true"] : [:]) { own, _ in own })
        }
    }

    private static let printable = [
        #"" ""#, #""../../etc/shadow""#, #""%n%s%s""#, #""1g.5gb\u0301""#, #""\uff11g.5gb""#,
    ]

    private static func trials(_ types: Set<String>, _ values: (InterfaceMethod.Field) -> [String]) -> [Trial] {
        InterfaceMethod.all.flatMap { method in
            method.fields.filter { types.contains($0.type) }.flatMap { field in
                values(field).map { Trial(method: method, field: field, value: $0) }
            }
        }
    }

    /// Runs the trials as root, to whom nothing but the value can be refused, and hands each answer on.
    private func run(_ trials: [Trial], _ check: (Trial, WireAnswer) -> Void) throws {
        let stage = try Stage(policy: LabPolicy.text)
        let daemon = try stage.startDaemon(["--limit", "changesPerSecond=100000", "--limit", "changeBurst=100000"])
        #expect(!trials.isEmpty)
        for (trial, answer) in zip(trials, try stage.exchange(trials.map(\.message), as: Stage.root)) {
            check(trial, answer)
        }
        #expect(try stage.isUnharmed())
        #expect(try stage.records("intent").isEmpty)
        _ = daemon
    }

    private static func what(_ trial: Trial, _ answer: WireAnswer) -> Comment {
        "\(trial.method.name).\(trial.field.name) = \(trial.value.prefix(60)): \(answer)"
    }

    @Test func `an integer that is none, too small or past 64 bits is refused by its name`() throws {
        let values = [
            "-1", "0", "-0", "1.0", "1e2", "1E+2", "1e400", "-1e400", "9223372036854775808", "18446744073709551616",
            "-9223372036854775808", "-9223372036854775809", #""1""#, "true", "[1]", "{}",
        ]
        try run(Self.trials(["int"]) { _ in values }) { trial, answer in
            // The group of that number is root's.
            if trial.field.name == "group", ["0", "-0"].contains(trial.value), answer.reply != nil { return }
            #expect(answer.invalidParameter == trial.field.name, Self.what(trial, answer))
        }
    }

    @Test func `an integer that is too large to mean anything is answered and comes to nothing`() throws {
        let values = ["2147483647", "2147483648", "4294967296", "9223372036854775807"]
        try run(Self.trials(["int"]) { _ in values }) { trial, answer in
            let isLargest = trial.value == values[3]
            switch (trial.method.name, trial.field.name) {
            // So many records there are not; asking for them is no mistake.
            case ("QueryAudit", "limit"): #expect(answer.reply != nil, Self.what(trial, answer))
            case ("ExplainRecord", "seq"): #expect(answer.error == "NotFound", Self.what(trial, answer))
            // There may be such a group; there is no record of it.
            case ("QueryAudit", "group") where trial.value.count == 10 && trial.value < "4":
                #expect(answer.reply != nil, Self.what(trial, answer))
            case ("Explain", "seconds") where trial.value.count == 10 && trial.value < "3":
                #expect(answer.reply?["decision"]?["allowed"]?.boolValue == false, Self.what(trial, answer))
            case ("Request", "seconds") where trial.value.count == 10 && trial.value < "3",
                ("CreateGPUInstances", "seconds") where trial.value.count == 10 && trial.value < "3":
                #expect(answer.error == "QuotaExceeded", Self.what(trial, answer))
            case ("Renew", "seconds") where trial.value.count == 10 && trial.value < "3":
                #expect(answer.error == "NotFound", Self.what(trial, answer))
            case ("Request", "memoryMiB") where !isLargest, ("Request", "multiprocessors") where !isLargest:
                #expect(answer.error == "NotFound", Self.what(trial, answer))
            default: #expect(answer.invalidParameter == trial.field.name, Self.what(trial, answer))
            }
        }
    }

    @Test func `a string that is none is refused by its name`() throws {
        let values = ["1", "true", "{}", "[]"]
        try run(Self.trials(["string"]) { _ in values }) { trial, answer in
            #expect(answer.invalidParameter == trial.field.name, Self.what(trial, answer))
        }
    }

    @Test func `a list of strings that is none is refused by its name`() throws {
        let values = ["1", "\"1g.5gb\"", "{}", "[1]", "[[]]", "[null]", #"["1g.5gb",{}]"#, "[]"]
        try run(Self.trials(["[]string"]) { _ in values }) { trial, answer in
            let named = answer.invalidParameter?.prefix { $0 != "[" }
            #expect(named.map(String.init) == trial.field.name, Self.what(trial, answer))
        }
    }

    @Test func `a list of instances that is none is refused by its name`() throws {
        let values = [
            "1", "{}", "[]", "[1]", "[[]]", "[null]", "[{}]", #"[{"gpu":"0"}]"#, #"[{"gi":1,"ci":0}]"#,
            #"[{"gpu":"0","gi":null,"ci":0}]"#, #"[{"gpu":0,"gi":1,"ci":0}]"#, #"[{"gpu":"","gi":1,"ci":0}]"#,
            #"[{"gpu":"0","gi":-1,"ci":0}]"#, #"[{"gpu":"0","gi":4294967296,"ci":0}]"#,
            #"[{"gpu":"0","gi":"1","ci":0}]"#, #"[{"gpu":"0","gi":1.5,"ci":0}]"#,
            #"[{"gpu":"0","gi":1,"ci":0,"uid":0}]"#, #"[{"gpu":"0","gpu":"0","gi":1,"ci":0}]"#,
            "[\(Array(repeating: #"{"gpu":"0","gi":1,"ci":0}"#, count: 257).joined(separator: ","))]",
        ]
        let types: Set = ["[]InstanceReference", "[]ComputeInstanceReference"]
        try run(Self.trials(types) { _ in values }) { trial, answer in
            // A duplicate key is no JSON that the daemon takes at all.
            guard !trial.value.contains(#""gpu":"0","gpu""#) else {
                return #expect(answer.error != nil || answer == .closed, Self.what(trial, answer))
            }
            let named = answer.invalidParameter?.prefix { $0 != "[" && $0 != "." }
            #expect(named.map(String.init) == trial.field.name, Self.what(trial, answer))
        }
    }

    @Test func `a flag that is none is refused by its name`() throws {
        try run(Self.trials(["bool"]) { _ in ["0", "1", "\"true\"", "[]", "{}"] }) { trial, answer in
            #expect(answer.invalidParameter == trial.field.name, Self.what(trial, answer))
        }
    }

    @Test func `a required field that is null is refused by its name`() throws {
        let trials = InterfaceMethod.all.flatMap { method in
            method.fields.filter(\.isRequired).map { Trial(method: method, field: $0, value: "null") }
        }
        #expect(trials.count == 10)
        try run(trials) { trial, answer in
            #expect(answer.invalidParameter == trial.field.name, Self.what(trial, answer))
        }
    }

    @Test func `a string too long or with a NUL in it ends the connection`() throws {
        let values = [
            "\"\(String(repeating: "a", count: 4097))\"", #""1g.5gb\u0000""#, #""\u0000""#,
            "\"\(String(repeating: "\\u00e9", count: 2049))\"",
        ]
        try run(Self.trials(["string", "[]string"]) { $0.type == "string" ? values : values.map { "[\($0)]" } }) {
            trial, answer in #expect(answer == .closed, Self.what(trial, answer))
        }
    }

    @Test func `empty, hostile and overlong names are refused, or match nothing`() throws {
        let values =
            [
                #""""#, #""\u001b[2J\u0007""#, #""\n{\"seq\":1}""#, #""\u202ebg5.g1""#, #""\u0085""#, #""\u2028""#,
                "\"\(String(repeating: "a", count: 4096))\"",
            ] + Self.printable
        try run(Self.trials(["string", "[]string"]) { $0.type == "string" ? values : values.map { "[\($0)]" } }) {
            trial, answer in
            switch (trial.method.name, trial.field.name) {
            // A filter that matches nothing.
            case ("QueryAudit", "user"), ("QueryAudit", "method"), ("QueryAudit", "profile"):
                #expect(answer.reply?["records"] == .array([]), Self.what(trial, answer))
            case ("QueryUsage", "user"):
                #expect(answer.reply?["users"] == .array([]), Self.what(trial, answer))
            case ("QueryAudit", "lease"):
                #expect(answer.invalidParameter == trial.field.name, Self.what(trial, answer))
            // Whatever names a thing that might be there.
            case (_, "onBehalfOf") where Self.printable.contains(trial.value):
                // Before it is looked for: this policy lets nobody act for another.
                #expect(answer.error == "NotAuthorized", Self.what(trial, answer))
            case (_, "lease"), (_, "leases"), ("GetOperation", "operation"), ("Explain", "user"):
                #expect(answer.error == "NotFound", Self.what(trial, answer))
            // A name and a key are the caller's own text: short, and nothing that a terminal would obey.
            case ("Request", "name") where Self.printable.contains(trial.value),
                ("Request", "key") where Self.printable.contains(trial.value),
                ("CreateGPUInstances", "name") where Self.printable.contains(trial.value),
                ("CreateGPUInstances", "key") where Self.printable.contains(trial.value),
                ("SetMIGMode", "key") where Self.printable.contains(trial.value):
                #expect(answer.reply?["dryRun"]?.boolValue == true, Self.what(trial, answer))
            case (_, "key") where Self.printable.contains(trial.value):
                #expect(answer.error == "NotFound", Self.what(trial, answer))
            default: #expect(answer.invalidParameter == trial.field.name, Self.what(trial, answer))
            }
        }
    }
}
