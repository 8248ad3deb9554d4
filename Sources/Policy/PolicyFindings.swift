/// Collects what a load finds, up to a bound, and tells it in the order of the text.
struct PolicyFindings {
    /// How many errors, and how many warnings, are told.
    static let most = 100

    private typealias Finding = (place: SourcePlace, problem: PolicyProblem)
    private var errors: [Finding] = []
    private var warnings: [Finding] = []

    var hasErrors: Bool { !errors.isEmpty }
    /// Whether so much is wrong that reading on is pointless.
    var isFull: Bool { errors.count > Self.most }

    mutating func add(_ problem: PolicyProblem, at place: SourcePlace) {
        switch problem.severity {
        case .error: if !isFull { errors.append((place, problem)) }
        case .warning: if warnings.count < Self.most { warnings.append((place, problem)) }
        }
    }

    /// The errors, the last one saying so where there were too many.
    func errors(in source: SourceText) -> [PolicyDiagnostic] {
        var told = Self.ordered(errors).prefix(Self.most).map { source.diagnostic($0.problem, at: $0.place) }
        if isFull, let last = Self.ordered(errors).last {
            told.append(source.diagnostic(.tooManyErrors(limit: Self.most), at: last.place))
        }
        return told
    }

    func warnings(in source: SourceText) -> [PolicyDiagnostic] {
        Self.ordered(warnings).map { source.diagnostic($0.problem, at: $0.place) }
    }

    private static func ordered(_ findings: [Finding]) -> [Finding] {
        findings.sorted { ($0.place.file, $0.place.offset) < ($1.place.file, $1.place.offset) }
    }
}

extension SourceText {
    func diagnostic(_ problem: PolicyProblem, at place: SourcePlace) -> PolicyDiagnostic {
        let position = position(of: place)
        return PolicyDiagnostic(path: position.path, line: position.line, column: position.column, problem: problem)
    }
}
