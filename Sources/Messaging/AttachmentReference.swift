import FoundationEssentials

/// What a message's `metadata` says of attachments: `{"attachments":[{id, name, contentType, size}, …]}`. Clients write it,
/// so nothing rests on it.
enum AttachmentReference {
    /// The ids that it names, as far as they can be ids.
    static func ids(inMetadata json: [UInt8]) -> [UniqueID] {
        struct Element: Decodable {
            let id: String?

            init(from decoder: any Decoder) throws {
                struct Fields: Decodable { let id: String }
                id = (try? Fields(from: decoder))?.id
            }
        }
        struct Metadata: Decodable {
            let attachments: [Element]
        }
        guard !json.isEmpty else { return [] }
        let elements = (try? JSONDecoder().decode(Metadata.self, from: Data(json)))?.attachments ?? []
        return elements.compactMap { $0.id.flatMap { UniqueID($0) } }
    }

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
