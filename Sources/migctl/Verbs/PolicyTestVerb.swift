import JSON
import Linux
import MIG
import Policy

extension Verb {
    static let policyTest = Verb(
        name: "policy test",
        usage: ["CASES [FILE...]"],
        summary: "Ask policy files questions with known answers, without the broker",
        details: [
            "  CASES  a file of questions, each with the answer that it should have",
            "  FILE   files that make up one policy; else /etc/migbroker/policy.json and policy.d below --root",
            "",
            "A case that comes out otherwise is FILE:LINE:COLUMN: text, and exit status 10. What a case can say is shown by",
            "policy/examples/*.cases.json of the source; names that this machine does not know stand in the file.",
        ],
        run: { options, session throws(Failure) in
            let paths = Arguments(options, of: "policy test").list
            guard let path = paths.first else {
                throw Failure(.missingArgument("CASES"), verb: "policy test")
            }
            let outcome = try outcome(of: path, on: Array(paths.dropFirst()), root: session.globals.root)
            let failed = outcome.failures.count
            if session.globals.isJSON {
                try session.output.json(outcome.json)
            } else {
                for failure in outcome.failures { try session.output.line("\(failure)", .bad) }
                session.output.talk(
                    failed > 0
                        ? "\(failed) of \(counted(outcome.count, "case")) came out otherwise"
                        : "all is as expected: \(counted(outcome.count, "case"))")
                if !outcome.untested.isEmpty {
                    session.output.talk("no case concerns \(outcome.untested.joined(separator: ", "))")
                }
            }
            return failed == 0 ? .ok : .checkFailed
        })

    private static func outcome(
        of path: String, on paths: [String], root: String
    ) throws(Failure) -> PolicyCases.Outcome {
        let file = try PolicyFile(reading: path)
        var files: [PolicyFile] = []
        for path in paths { files.append(try PolicyFile(reading: path)) }
        do throws(PolicyErrors) {
            return try PolicyCases(file).run(on: files.isEmpty ? try PolicySource.below(root).read() : files)
        } catch {
            let first = error.diagnostics.first
            throw Failure(
                .checkFailed, what: "the cases cannot be asked", why: first.map { "\($0)" },
                next: first.map { next(after: $0, isOfCases: $0.path.utf8.elementsEqual(path.utf8)) })
        }
    }

    private static func next(after finding: PolicyDiagnostic, isOfCases: Bool) -> SafeText {
        switch finding.problem {
        // The policy's names are looked up in the cases too.
        case .unknownName(let kind, _): "declare it under \"\(kind.rawValue)s\" in the file of cases"
        case _ where isOfCases: "correct the file of cases there"
        default: "'migctl policy check' shows everything that is wrong with a policy"
        }
    }
}

extension PolicyFile {
    /// Reads a file that the user names, by his own rights.
    init(reading path: String) throws(Failure) {
        do throws(SystemError) {
            self.init(path: path, bytes: try Files.read(path, limit: Bounds().policyBytes))
        } catch {
            throw Failure(.checkFailed, what: "cannot read \(path)", why: SafeText(error.description))
        }
    }
}

extension PolicyCases.Outcome {
    fileprivate var json: JSONValue {
        let failures = self.failures.map { failure -> JSONValue in
            [
                "file": .string(failure.place.path), "line": .integer(failure.place.line),
                "column": .integer(failure.place.column), "message": .string(failure.message),
            ]
        }
        return [
            "cases": .integer(count), "failures": .array(failures),
            "untested": .array(untested.map(JSONValue.string)),
        ]
    }
}
