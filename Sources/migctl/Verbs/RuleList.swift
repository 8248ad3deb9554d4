/// The rules that give a right, each with its hours where it has some.
struct RuleList {
    let text: SafeText

    init(_ rules: [String], hours: [(rule: String, during: String)]) {
        let parts = rules.map { rule -> SafeText in
            let own = hours.first { $0.rule.utf8.elementsEqual(rule.utf8) }
            return own.map { "\(rule) (\($0.during))" } ?? "\(rule)"
        }
        text = SafeText.joined(parts, separator: ", ")
    }
}
