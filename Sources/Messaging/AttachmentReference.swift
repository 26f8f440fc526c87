import FoundationEssentials

/// What a message's `metadata` says of attachments: `{"attachments":[{id, name, contentType, size}, …]}`. Clients write it,
/// so nothing rests on it.
enum AttachmentReference {
    /// How many attachments a message's metadata names; 0 for metadata of another shape, or none.
    static func count(inMetadata json: [UInt8]) -> Int {
        struct Element: Decodable {}
        struct Metadata: Decodable {
            let attachments: [Element]
        }
        guard !json.isEmpty else { return 0 }
        return (try? JSONDecoder().decode(Metadata.self, from: Data(json)))?.attachments.count ?? 0
    }
}
