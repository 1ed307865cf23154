"""What a write asks to be done to it, in a header: tests/chaos/sabotage.py does it, inside the service."""

HEADER = "Chaos"
FOLDER = "CHAOS_FOLDER"  # in the environment: where sockets are noted whose frame a worker has died over
ROLL_BACK = "roll back"
SLOW = "commit late"
DIE_BEFORE_COMMIT = "die before the commit"
DIE_AFTER_COMMIT = "die after the commit"
