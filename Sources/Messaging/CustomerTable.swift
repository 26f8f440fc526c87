/// A copy of what one partition's customers are listed by: a column for each property, a row for each customer.
struct CustomerTable: Sendable {
    /// The `run_id` of the server that the copy is of; another one may lack what this one had.
    let server: String
    /// The last edit (``Keyspace/customerEdits(in:)``) that the copy knows of; empty while there is no copy.
    private(set) var lastEdit: String
    /// The marks of the times that it knows of (``Keyspace/customerTouches(in:)``).
    private(set) var touches: [UInt8] = []

    private(set) var ids: [UniqueID] = []
    /// When each had its last interaction, in ms since 1970.
    private(set) var times: [Int] = []
    /// ``ListedProfile/mark`` of each.
    private var marks: [UInt8] = []
    /// ``ListedProfile/name`` of each.
    private var names = TextColumn()
    /// ``ListedProfile/tags`` of each.
    private var tags = TextColumn()

    init(server: String = "", lastEdit: String = "") {
        self.server = server
        self.lastEdit = lastEdit
    }

    /// The rows that match all of `filter`.
    func rows(matching filter: PreparedFilter) -> RowSet {
        var rows = filter.matchesNone ? RowSet(count: ids.count) : RowSet(all: ids.count)
        rows.keep(where: marks, under: filter.markMask, equal: filter.mark)
        if let name = filter.name { rows = names.rows(containing: name, among: rows) }
        if let tag = filter.tag { rows = tags.rows(containing: tag, among: rows) }
        return rows
    }

    /// What was read to bring a copy up to date.
    struct Update {
        var lastEdit: String
        var touches: [UInt8]
        /// Those of the rows after the last.
        var ids: [UniqueID] = []
        /// What was read of the times: the first row, and 6 bytes for it and each that follows.
        var times: [(row: Int, bytes: [UInt8])] = []
        /// Of each of ``ids``, in the same order.
        var profiles: [ListedProfile] = []
        /// Of rows that were there before.
        var edits: [(row: Int, profile: ListedProfile)] = []
    }

    mutating func apply(_ update: Update) {
        lastEdit = update.lastEdit
        touches = update.touches
        for edit in update.edits {
            marks[edit.row] = edit.profile.mark
            names.replace(row: edit.row, with: edit.profile.name)
            tags.replace(row: edit.row, with: edit.profile.tags)
        }
        for (id, profile) in zip(update.ids, update.profiles) {
            ids.append(id)
            times.append(0)
            marks.append(profile.mark)
            names.append(profile.name)
            tags.append(profile.tags)
        }
        for stretch in update.times {
            stretch.bytes.withUnsafeBytes { bytes in
                let rows = stretch.row..<min(stretch.row + bytes.count / 6, ids.count)
                for (index, row) in rows.enumerated() {
                    let high = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 6, as: UInt32.self))
                    let low = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 6 + 4, as: UInt16.self))
                    times[row] = Int(high) << 16 | Int(low)
                }
            }
        }
    }
}

/// What a customer is filtered by.
struct ListedProfile {
    /// The primary channel's number, ``presentMark``, and ``activeMark`` if active; 0 for a customer who was erased.
    let mark: UInt8
    /// The folded name, UTF-8.
    let name: ArraySlice<UInt8>
    /// The tags, UTF-8, each between `\n`; empty without any.
    let tags: [UInt8]

    static let activeMark: UInt8 = 0x80
    static let presentMark: UInt8 = 0x40
    static let channelMask: UInt8 = 0x3f

    static func mark(of channel: CustomerChannel?) -> UInt8 {
        channel.flatMap { CustomerChannel.allCases.firstIndex(of: $0) }.map { UInt8($0) } ?? channelMask
    }

    /// Reads the answer of `read_customers.lua`.
    static func list(_ bytes: [UInt8]) -> [ListedProfile] {
        let fields = bytes.split(separator: TextColumn.terminator, omittingEmptySubsequences: false)
        return stride(from: 0, to: fields.count - 4, by: 4).map { index in
            let channel = mark(of: CustomerChannel(rawValue: String(decoding: fields[index], as: UTF8.self)))
            let isPresent = !fields[index].isEmpty
            let isActive = fields[index + 1].first != UInt8(ascii: "0")
            let tags = fields[index + 3]
            return ListedProfile(
                mark: isPresent ? channel | presentMark | (isActive ? activeMark : 0) : 0,
                name: fields[index + 2],
                tags: tags.isEmpty ? [] : newline + tags + newline
            )
        }
    }

    private static let newline = [UInt8(ascii: "\n")]

    /// What to search ``tags`` for.
    static func part(for tag: String) -> [UInt8] { newline + Array(tag.utf8) + newline }
}

/// A ``CustomerFilter`` as tables are searched.
struct PreparedFilter {
    var name: [UInt8]?
    var tag: [UInt8]?
    var mark = ListedProfile.presentMark
    /// The bits of ``ListedProfile/mark`` that matter.
    var markMask = ListedProfile.presentMark
    /// Whether nobody can match.
    var matchesNone = false

    init(_ filter: CustomerFilter) {
        if let folded = filter.name?.foldedForSearch, !folded.isEmpty { name = Array(folded.utf8) }
        if let tag = filter.tag, !tag.isEmpty {
            self.tag = ListedProfile.part(for: tag)
            matchesNone = tag.utf8.contains(UInt8(ascii: "\n"))
        }
        if let channel = filter.channel {
            mark |= ListedProfile.mark(of: channel)
            markMask |= ListedProfile.channelMask
        }
        if let active = filter.active {
            mark |= active ? ListedProfile.activeMark : 0
            markMask |= ListedProfile.activeMark
        }
    }
}
