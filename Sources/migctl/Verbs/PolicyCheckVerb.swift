import API
import JSON
import Linux
import MIG
import Policy

extension Verb {
    static let policyCheck = Verb(
        name: "policy check",
        usage: ["[FILE...]"],
        summary: "Check policy files, without the broker",
        details: [
            "  FILE   files that make up one policy; else /etc/migbroker/policy.json and policy.d below --root",
            "",
            "Without FILE a file that the daemon would not trust is an error, with FILE a warning.",
            "Findings are FILE:LINE:COLUMN: text. Exit status 10 if any is an error, so that it would not be loaded.",
        ],
        run: { options, session throws(Failure) in
            let findings = try findings(in: Arguments(options, of: "policy check").list, root: session.globals.root)
            let errors = findings.count { $0.severity == .error }
            if session.globals.isJSON {
                let reply = CheckPolicyReply(valid: errors == 0, diagnostics: findings.map(DiagnosticInfo.init))
                try session.output.json(reply.json)
            } else {
                for finding in findings {
                    try session.output.line("\(finding)", finding.severity == .error ? .bad : .caution)
                }
                let warnings = findings.count - errors
                session.output.talk(
                    errors > 0
                        ? "the policy is not good: \(counted(errors, "error"))"
                        : "the policy is good\(warnings > 0 ? SafeText(": \(counted(warnings, "warning"))") : "")")
            }
            return errors == 0 ? .ok : .checkFailed
        })

    private static func findings(in paths: [String], root: String) throws(Failure) -> [PolicyDiagnostic] {
        guard let first = paths.first else { return PolicyCheck.findings(installedAt: .below(root)) }
        guard paths.count > 1 else { return PolicyCheck.findings(in: PolicySource(file: first, directory: nil)) }
        var files: [PolicyFile] = []
        for path in paths { files.append(try PolicyFile(reading: path)) }
        return PolicyCheck.findings(in: files)
    }
}

extension DiagnosticInfo {
    fileprivate init(_ finding: PolicyDiagnostic) {
        self.init(
            file: finding.path, line: finding.line, column: finding.column, severity: finding.severity.rawValue,
            message: finding.message)
    }
}
