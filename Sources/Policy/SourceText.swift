/// One policy file as it was read; a policy set is made of these alone.
package struct PolicyFile: Hashable, Sendable {
    /// As diagnostics show it.
    package let path: String
    package let bytes: [UInt8]

    /// Takes a file that was read by `PolicySource`, or stands in for one.
    package init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }
}

/// Where something stands: which file, and how many bytes into it.
struct SourcePlace: Hashable, Sendable {
    let file: Int
    let offset: Int
}

/// The files of one load, able to tell line and column of a place without counting from the start each time.
struct SourceText: Sendable {
    let files: [PolicyFile]
    private let lineStarts: [[Int]]

    init(_ files: [PolicyFile]) {
        self.files = files
        lineStarts = files.map { file in
            [0] + file.bytes.indices.filter { file.bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
        }
    }

    /// Line and column from 1, columns in bytes.
    func position(of place: SourcePlace) -> (path: String, line: Int, column: Int) {
        let starts = lineStarts[place.file]
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= place.offset { low = middle } else { high = middle }
        }
        return (files[place.file].path, low + 1, place.offset - starts[low] + 1)
    }
}
