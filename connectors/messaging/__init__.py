"""What Messenger and Instagram share: the messaging envelope, its events and attachments, the Send
API, its errors, files and profiles. Each kind's own folder says only how it differs.

source  developers.facebook.com/docs/messenger-platform
        developers.facebook.com/docs/instagram-platform
"""
