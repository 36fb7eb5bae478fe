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

{{- define "workiva-sync.config" -}}
{{ .Values.config | default (.Files.Get "workiva-sync.toml") }}
{{- end -}}

{{- define "workiva-sync.secret" -}}
{{ .Values.secretName | default (include "workiva-sync.name" .) }}
{{- end -}}
