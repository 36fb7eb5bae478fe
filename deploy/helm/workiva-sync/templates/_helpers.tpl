{{/* The name of everything in the release. */}}
{{- define "workiva-sync.name" -}}
{{- if contains "workiva-sync" .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-workiva-sync" (.Release.Name | trunc 39 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "workiva-sync.selector" -}}
app.kubernetes.io/name: workiva-sync
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "workiva-sync.labels" -}}
{{ include "workiva-sync.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "workiva-sync.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* What nothing in the pod would work without is refused here: a probe that finds nobody says less. */}}
{{- define "workiva-sync.config" -}}
{{- with .Values.config -}}
{{- if not (regexMatch `(?m)^[^#\n]*\blisten\s*=\s*["'](0\.0\.0\.0|\[::\]):8080["']` .) -}}
{{- fail "config: the pod's probes and Prometheus come from outside of it: [http] needs listen = \"0.0.0.0:8080\" and token_file" -}}
{{- end -}}
{{- if not (regexMatch `(?m)^[^#\n]*\burl\s*=\s*["']sqlite:///data/state/[^"']` .) -}}
{{- fail "config: the database has to be on the pod's volume: [store] needs url = \"sqlite:///data/state/workiva-sync.db\"" -}}
{{- end -}}
{{- end -}}
{{ .Values.config | default (.Files.Get "workiva-sync.toml") }}
{{- end -}}

{{- define "workiva-sync.secret" -}}
{{ .Values.secretName | default (include "workiva-sync.name" .) }}
{{- end -}}
